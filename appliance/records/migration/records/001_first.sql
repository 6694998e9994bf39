-- BEFORE: an empty file.
-- AFTER: people, devices, policies, signatures, sessions, leases, the audit
-- chain, accounts and settings. Times are Unix microseconds UTC, 0 = never.
-- Signatures, policies and the audit chain are append-only: triggers say so to
-- anybody who opens the file with a tool, and Verify finds what a tool changed.

CREATE TABLE people (
	id           INTEGER PRIMARY KEY,
	key          TEXT    NOT NULL UNIQUE, -- normalised full name
	full_name    TEXT    NOT NULL,        -- as last written
	job_title    TEXT    NOT NULL,
	first_signed INTEGER NOT NULL,
	last_signed  INTEGER NOT NULL
) STRICT;

CREATE TABLE devices (
	mac         TEXT    NOT NULL PRIMARY KEY,
	name        TEXT    NOT NULL DEFAULT '',
	owner       TEXT    NOT NULL DEFAULT '',
	grp         TEXT    NOT NULL DEFAULT '',
	state       TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'revoked')),
	av_product  TEXT    NOT NULL DEFAULT '',
	av_checked  TEXT    NOT NULL DEFAULT '', -- YYYY-MM-DD
	note        TEXT    NOT NULL DEFAULT '',
	hostname    TEXT    NOT NULL DEFAULT '',
	zone        TEXT    NOT NULL DEFAULT '',
	first_seen  INTEGER NOT NULL DEFAULT 0,
	last_seen   INTEGER NOT NULL DEFAULT 0,
	approved_by TEXT    NOT NULL DEFAULT '',
	approved_at INTEGER NOT NULL DEFAULT 0,
	revoked_by  TEXT    NOT NULL DEFAULT '',
	revoked_at  INTEGER NOT NULL DEFAULT 0,
	reason      TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_waiting ON devices (last_seen) WHERE state = 'waiting';

CREATE TABLE policies (
	sha256  TEXT NOT NULL PRIMARY KEY, -- of text
	version TEXT NOT NULL,
	title   TEXT NOT NULL,
	text    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signatures (
	id             INTEGER PRIMARY KEY AUTOINCREMENT,
	person         INTEGER NOT NULL REFERENCES people (id),
	full_name      TEXT    NOT NULL,
	job_title      TEXT    NOT NULL,
	mac            TEXT    NOT NULL,
	addr           TEXT    NOT NULL,
	device_name    TEXT    NOT NULL,
	policy_version TEXT    NOT NULL,
	policy_title   TEXT    NOT NULL,
	policy_sha256  TEXT    NOT NULL REFERENCES policies (sha256),
	signed_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX signatures_device ON signatures (mac, policy_version, signed_at);
CREATE INDEX signatures_person ON signatures (person, signed_at);
CREATE INDEX signatures_version ON signatures (policy_version, signed_at);

CREATE TABLE sessions (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	signature INTEGER NOT NULL REFERENCES signatures (id),
	person    INTEGER NOT NULL REFERENCES people (id),
	full_name TEXT    NOT NULL,
	mac       TEXT    NOT NULL,
	addr      TEXT    NOT NULL,
	started   INTEGER NOT NULL,
	until     INTEGER NOT NULL,
	ended_at  INTEGER NOT NULL DEFAULT 0,
	ended_why TEXT    NOT NULL DEFAULT ''
) STRICT;
-- A device has at most one open session: the table itself says so.
CREATE UNIQUE INDEX sessions_open ON sessions (mac) WHERE ended_at = 0;
CREATE INDEX sessions_started ON sessions (started);

CREATE TABLE leases (
	addr      TEXT    NOT NULL PRIMARY KEY,
	mac       TEXT    NOT NULL,
	client_id BLOB    NOT NULL,
	hostname  TEXT    NOT NULL,
	zone      TEXT    NOT NULL,
	starts    INTEGER NOT NULL,
	expires   INTEGER NOT NULL,
	vendor    TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	seq    INTEGER PRIMARY KEY,
	at     INTEGER NOT NULL,
	actor  TEXT    NOT NULL,
	verb   TEXT    NOT NULL,
	object TEXT    NOT NULL,
	detail TEXT    NOT NULL,
	prev   BLOB    NOT NULL CHECK (length(prev) = 32),
	hash   BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE accounts (
	name    TEXT    NOT NULL PRIMARY KEY COLLATE NOCASE,
	hash    TEXT    NOT NULL,
	role    TEXT    NOT NULL,
	created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE admin_sessions (
	token_sha256 BLOB    NOT NULL PRIMARY KEY,
	account      TEXT    NOT NULL COLLATE NOCASE REFERENCES accounts (name) ON DELETE CASCADE,
	created      INTEGER NOT NULL,
	until        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX admin_sessions_account ON admin_sessions (account);

CREATE TABLE login_failures (
	id   INTEGER PRIMARY KEY,
	name TEXT    NOT NULL COLLATE NOCASE,
	at   INTEGER NOT NULL
) STRICT;
CREATE INDEX login_failures_name ON login_failures (name, at);

CREATE TABLE login_locks (
	name  TEXT    NOT NULL PRIMARY KEY COLLATE NOCASE,
	until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
	key   TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE probe (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only'); END;
CREATE TRIGGER signatures_no_update BEFORE UPDATE ON signatures BEGIN SELECT RAISE(ABORT, 'a signature is never changed'); END;
CREATE TRIGGER signatures_no_delete BEFORE DELETE ON signatures BEGIN SELECT RAISE(ABORT, 'a signature is never removed'); END;
CREATE TRIGGER policies_no_update BEFORE UPDATE ON policies BEGIN SELECT RAISE(ABORT, 'a signed policy is never changed'); END;
CREATE TRIGGER policies_no_delete BEFORE DELETE ON policies BEGIN SELECT RAISE(ABORT, 'a signed policy is never removed'); END;
