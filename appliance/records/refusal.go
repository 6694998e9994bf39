package records

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Refusal is a "no" with its reason: Code for programs (the words of package
// edge where edge has one), Sentence for the person who asked.
type Refusal struct {
	Code     string
	Sentence string
}

func (r *Refusal) Error() string { return r.Sentence }

// ErrNotWritten is what errors.Is finds in every error of a record that could
// not be written. Whoever gets it lets nobody in.
var ErrNotWritten = errors.New("the record could not be written")

// The refusals of this package. Compare with errors.Is.
var (
	ErrNameMissing     = &Refusal{"name-missing", "Please write your full name."}
	ErrNameShort       = &Refusal{"name-missing", "Please write your full name: first name and last name."}
	ErrNameLong        = &Refusal{"name-missing", "That name is too long: please write at most 100 letters."}
	ErrNameCharacters  = &Refusal{"name-missing", "That name holds characters that cannot be shown. Please type it again with letters only."}
	ErrTitleMissing    = &Refusal{"title-missing", "Please write your job title, for example \"Teaching assistant\"."}
	ErrTitleLong       = &Refusal{"title-missing", "That job title is too long: please write at most 100 letters."}
	ErrTitleCharacters = &Refusal{"title-missing", "That job title holds characters that cannot be shown. Please type it again."}
	ErrRevoked         = &Refusal{"refused", "This device may not use the school's network. Please ask the person who looks after the network."}
	ErrNotKnown        = &Refusal{"policy-old", "No signature of the present policy is on file for this device. Please read it and sign."}

	ErrNoDevice        = &Refusal{"no-device", "There is no record of this device. It must join the network once before it can be changed."}
	ErrDeviceName      = &Refusal{"device-name-missing", "Give the device a name, such as \"Office laptop\" or \"Sunflowers tablet 2\" (at most 100 letters)."}
	ErrOwner           = &Refusal{"owner-missing", "Say whose device this is: the person's full name, or the school (at most 100 letters)."}
	ErrGroup           = &Refusal{"group-missing", "Choose the group this device belongs to."}
	ErrAVProduct       = &Refusal{"av-product-missing", "Say which anti-virus protects this device (at most 100 letters). Where it is built in, name that: \"built in, kept up to date\"."}
	ErrAVChecked       = &Refusal{"av-date-missing", "Give the date on which the device's anti-virus was checked. A device is not approved before that."}
	ErrAVFuture        = &Refusal{"av-date-future", "The date of the anti-virus check lies in the future. Give the day on which it was done."}
	ErrText            = &Refusal{"text", "That text is too long or holds characters that cannot be shown: please write at most 1,000 letters."}
	ErrReason          = &Refusal{"reason-missing", "Say why this device is taken off the network: the reason is kept on file (at most 1,000 letters)."}
	ErrSubject         = &Refusal{"subject-missing", "Name one person, or choose one device."}
	ErrLookupReason    = &Refusal{"reason-missing", "Say why: the reason is kept on file (at most 1,000 letters)."}
	ErrQueryDays       = &Refusal{"days", "The query log is kept for 7 to 400 days. Write a number of days between these."}
	ErrAccountExists   = &Refusal{"account-exists", "There is an account of that name already. Choose another name."}
	ErrNotFirst        = &Refusal{"not-first", "The first account has been made already. Sign in with it and make further ones there."}
	ErrAccountName     = &Refusal{"account-name", "An account name has 2 to 64 letters, digits, dots, hyphens or @."}
	ErrNoAccount       = &Refusal{"no-account", "There is no account of that name."}
	ErrLastAccount     = &Refusal{"last-account", "This is the last account of its role: nobody could sign in any more. Make another one first."}
	errHashMissing     = &Refusal{"password-missing", "Choose a password."}
	errRoleMissing     = &Refusal{"role-missing", "Choose what this account is for."}
	errUntilPassed     = &Refusal{"refused", "The school's network is closed at this hour. Please sign in again when it opens."}
	errPolicyMissing   = &Refusal{"not-recorded", "There is no policy to sign yet. Please ask the person who looks after the network."}
	errSettingTooLarge = &Refusal{"setting", "That setting is too large to be stored."}
)

// writeError is a failed write: what was being recorded, and why it failed.
type writeError struct {
	doing string
	err   error
}

func (e *writeError) Error() string        { return fmt.Sprintf("%s: %v: %v", e.doing, ErrNotWritten, e.err) }
func (e *writeError) Is(target error) bool { return target == ErrNotWritten }
func (e *writeError) Unwrap() error        { return e.err }

// Sentence is what to tell a person about an error of this package.
func Sentence(err error) string {
	var refusal *Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refusal):
		return refusal.Sentence
	case errors.Is(err, errNoCard):
		return "The storage card cannot be written. Those who are online stay online and addresses are given out, but nobody new can be let in, and what is changed now is lost when the box is switched off. Please tell the person who looks after the network: the storage card must be replaced."
	case isFull(err):
		return "The box's storage is full, so nothing can be recorded and nobody new can be let in. Those who are online stay online. Please tell the person who looks after the network: the storage card must be replaced by a larger one, or emptied and the box restarted."
	case errors.Is(err, ErrNotWritten):
		return "The box cannot write its records, so nobody new can be let in. Those who are online stay online. Check the storage card, then restart the box."
	case isCorrupt(err):
		return "The box's records are damaged and cannot be read. Restart the box: it sets the damaged file aside and begins a new one."
	default:
		return "The box cannot read its records at the moment. Try again; if it stays so, restart the box."
	}
}

// sqliteCode is the primary result code in err, 0 when there is none.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// isFull reports whether err comes from a disk without room.
func isFull(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_FULL || e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE) {
		return true
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, errReserveSpent)
}

// isCorrupt reports whether err says that a file is no sound database.
func isCorrupt(err error) bool {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return errors.Is(err, errUnsound)
}

// isMissing reports whether err says that a file is not there.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
