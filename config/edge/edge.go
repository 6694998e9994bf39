package edge

import (
	"net/netip"
	"time"
)

// SignRequest is what a person typed on the portal. The writer derives the rest
// (hardware address, device, group) from Addr itself and believes nothing else.
type SignRequest struct {
	Addr       netip.Addr `json:"addr"` // source address of the person's connection
	FullName   string     `json:"full_name"`
	JobTitle   string     `json:"job_title"`
	Accepted   bool       `json:"accepted"`    // the tick
	AUPVersion string     `json:"aup_version"` // the version that was shown
	Continue   bool       `json:"continue"`    // go on as Client.Known, without signing again
}

// Code says how a request ended, for programs; Sentence says it for people.
type Code string

// The ways a request can end.
const (
	Admitted     Code = "admitted"       // signed and online
	Waiting      Code = "waiting"        // signed; a technician must approve the device
	SignedOut    Code = "signed-out"     // session ended
	NoLease      Code = "no-lease"       // the address was not given out by this box
	NameMissing  Code = "name-missing"   // FullName is empty or no name
	TitleMissing Code = "title-missing"  // JobTitle is empty
	NotAccepted  Code = "not-accepted"   // the tick is missing
	PolicyOld    Code = "policy-old"     // another version is in force: show it
	WentOn       Code = "went-on"        // past a warning, until then
	NoWarning    Code = "no-warning"     // there is no warning this client may go on from
	NoReason     Code = "reason-missing" // GoOnRequest.Reason is empty
	Refused      Code = "refused"        // the device was revoked
	NotRecorded  Code = "not-recorded"   // the record could not be written, so nobody is let in
	Busy         Code = "busy"           // too many attempts from this address
	Away         Code = "away"           // the writer did not answer
)

// GoOnRequest asks to go on to a name that the filter warns of. The writer finds out
// itself who asks and whether there is more than a warning.
type GoOnRequest struct {
	Addr   netip.Addr `json:"addr"` // source address of the person's connection
	Name   string     `json:"name"` // host name, lower case, no final dot
	Reason string     `json:"reason"`
}

// Answer is the reply to a SignRequest, a sign-out or a GoOnRequest.
type Answer struct {
	Code     Code      `json:"code"`
	Sentence string    `json:"sentence"`
	Until    time.Time `json:"until,omitzero"`
}

// Query is one row of the query log as dnsd saw it. The writer joins device and
// person from the snapshot of that Version.
type Query struct {
	Time     time.Time  `json:"t"`
	Version  uint64     `json:"v"` // of the snapshot that decided
	Addr     netip.Addr `json:"a"`
	Name     string     `json:"n"`
	Type     string     `json:"q"` // "A", "HTTPS"
	Action   string     `json:"x"` // "allow", "block", "local", "refuse", "error"
	Category string     `json:"c,omitempty"`
	Rule     string     `json:"r,omitempty"`
	List     string     `json:"l,omitempty"` // which list put the name in its category
	Rcode    string     `json:"s,omitempty"`
}

// Batch is what POST /queries carries.
type Batch struct {
	Queries []Query `json:"queries"`
	Dropped uint64  `json:"dropped"` // rows lost since the last batch because the queue was full
}
