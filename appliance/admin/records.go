package admin

import (
	"time"

	"stairgate/appliance/records"
	"stairgate/config"
	"stairgate/config/identity"
)

// Records is what these pages need of *records.DB.
type Records interface {
	Devices() ([]records.Device, error)
	Device(mac identity.MAC) (records.Device, bool, error)
	Approve(actor string, mac identity.MAC, a records.Approval) error
	Revoke(actor string, mac identity.MAC, reason string) error

	Signatures(f records.SignatureFilter) ([]records.Signature, error)
	Signature(id int64) (records.Signature, bool, error)
	Coverage(policyVersion string, at time.Time) (records.Coverage, error)
	LiveSessions(at time.Time) ([]records.Session, error)
	EndSession(mac identity.MAC, why string, at time.Time) error
	EndSessions(actor, of string, on []identity.MAC, reason string) (int, error)

	Unblock(actor string, u identity.Unblock, d time.Duration) (identity.Unblock, error)
	EndUnblock(actor string, id int64) error
	LiveUnblocks(at time.Time) ([]identity.Unblock, error)
	Unblocks(limit int) ([]records.Unblock, error)
	Opening(id int64) (records.Unblock, bool, error)

	SearchQueries(f records.QueryFilter) (records.QueryPage, error)
	CountQueries(f records.QueryFilter, most int) (int, error)
	EachQuery(f records.QueryFilter, emit func(records.Query) error) error
	EraseQueries(actor string, s records.Subject, reason string) (int64, error)
	QueryLog() (records.QueryLogInfo, error)
	QueryLimits() (records.QueryLimits, error)
	KeepQueries(actor string, days int, reason string) error

	Audit(actor, verb, object, detail string) error
	Events(before int64, limit int) ([]records.Event, error)
	Verify() error

	HasAccount() (bool, error)
	Account(name string) (records.Account, bool, error)
	CreateAccount(actor string, a records.Account, first bool) error
	SetPassword(actor, name, hash string) error
	LoginFailed(name, from string) (lockedUntil time.Time, err error)
	LoginSucceeded(name, from string) error
	LockedUntil(name string) (time.Time, error)
	StartAdminSession(account string, until time.Time) (token string, err error)
	AdminSession(token string) (records.AdminSession, bool, error)
	EndAdminSession(token string) error

	Setting(key string) (value string, ok bool, err error)
	SetSetting(key, value string) error
}

// Config is what these pages need of *config.Store.
type Config interface {
	Effective() config.Config
	Current() (config.Config, string)
	Text() (text []byte, etag string)
	Pending() (config.Config, time.Time, bool)
	Candidate() (text []byte, etag string, ok bool)
	Try(candidate []byte, ifMatch string, window time.Duration) ([]string, error)
	Confirm(ifMatch string) error
	Revert() error
	History() ([]config.Entry, error)
}
