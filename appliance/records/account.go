package records

import (
	"regexp"
	"time"
)

// Account is somebody who may sign in to the admin pages.
type Account struct {
	Name    string // case does not matter
	Hash    string // PHC string of the password, argon2id
	Role    string // "technician", "head"
	Created time.Time
}

var accountName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.@_-]{1,63}$`)

const accountColumns = `SELECT name, hash, role, created FROM accounts `

func scanAccount(s scanner) (a Account, err error) {
	var created int64
	err = s.Scan(&a.Name, &a.Hash, &a.Role, &created)
	a.Created = timeOf(created)
	return a, err
}

// HasAccount reports whether the box has been set up: whether anybody can sign
// in to the admin pages.
func (db *DB) HasAccount() (bool, error) {
	var n int
	err := db.file.readRow(`SELECT EXISTS (SELECT 1 FROM accounts)`).Scan(&n)
	return n != 0, reading("the accounts", err)
}

// Accounts lists the accounts by name.
func (db *DB) Accounts() ([]Account, error) {
	accounts, err := list(db.file, scanAccount, accountColumns+`ORDER BY name`)
	return accounts, reading("the accounts", err)
}

// Account finds an account.
func (db *DB) Account(name string) (Account, bool, error) {
	a, ok, err := one(db.file, scanAccount, accountColumns+`WHERE name = ?`, label(name, 100))
	return a, ok, reading("the accounts", err)
}

// CreateAccount makes an account; Created is set here. With first it succeeds
// only while there is none, so that two people racing through the set-up page
// make one account and one refusal.
func (db *DB) CreateAccount(actor string, a Account, first bool) error {
	switch {
	case !accountName.MatchString(a.Name):
		return ErrAccountName
	case a.Hash == "":
		return errHashMissing
	case a.Role == "":
		return errRoleMissing
	}
	return db.write(protecting, "making an account", func(t *tx) error {
		var any, same bool
		if err := t.row(`SELECT EXISTS (SELECT 1 FROM accounts), EXISTS (SELECT 1 FROM accounts WHERE name = ?)`, a.Name).Scan(&any, &same); err != nil {
			return err
		}
		switch {
		case first && any:
			return ErrNotFirst
		case same:
			return ErrAccountExists
		}
		if _, err := t.exec(`INSERT INTO accounts (name, hash, role, created) VALUES (?, ?, ?, ?)`, a.Name, a.Hash, a.Role, micros(t.now)); err != nil {
			return err
		}
		return t.event(actor, "made account", "account:"+a.Name, "role "+a.Role)
	})
}

// SetPassword stores another password hash and ends every session of the
// account: whoever knew the old password is out.
func (db *DB) SetPassword(actor, name, hash string) error {
	if hash == "" {
		return errHashMissing
	}
	return db.write(protecting, "changing a password", func(t *tx) error {
		res, err := t.exec(`UPDATE accounts SET hash = ? WHERE name = ?`, hash, name)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orErr(err, ErrNoAccount)
		}
		if _, err := t.exec(`DELETE FROM admin_sessions WHERE account = ?`, name); err != nil {
			return err
		}
		return t.event(actor, "changed password", "account:"+name, "")
	})
}

// DeleteAccount removes an account and its sessions; the last one of its role
// stays.
func (db *DB) DeleteAccount(actor, name string) error {
	return db.write(protecting, "removing an account", func(t *tx) error {
		var there, others int
		err := t.row(`SELECT count(*), (SELECT count(*) FROM accounts AS o WHERE o.name <> a.name AND o.role = a.role)
			FROM accounts AS a WHERE a.name = ?`, name).Scan(&there, &others)
		switch {
		case err != nil:
			return err
		case there == 0:
			return ErrNoAccount
		case others == 0:
			return ErrLastAccount
		}
		if _, err := t.exec(`DELETE FROM accounts WHERE name = ?`, name); err != nil {
			return err
		}
		return t.event(actor, "removed account", "account:"+name, "")
	})
}

func orErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
