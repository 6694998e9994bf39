-- BEFORE: a site or a category could be opened by a change of the settings only.
-- AFTER: unblocks, openings for a while, each for one person or one device. They
-- end by themselves, at "until"; ended_at is set where somebody ended one.

CREATE TABLE unblocks (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	name     TEXT    NOT NULL DEFAULT '', -- with everything below it
	category TEXT    NOT NULL DEFAULT '', -- instead of a name
	mac      TEXT    NOT NULL DEFAULT '',
	person   TEXT    NOT NULL DEFAULT '', -- instead of a device: full name
	started  INTEGER NOT NULL,
	until    INTEGER NOT NULL,
	reason   TEXT    NOT NULL,
	author   TEXT    NOT NULL,
	ended_at INTEGER NOT NULL DEFAULT 0,
	ended_by TEXT    NOT NULL DEFAULT '',
	CHECK ((name = '') <> (category = '')),
	CHECK ((mac = '') <> (person = ''))
) STRICT;
CREATE INDEX unblocks_until ON unblocks (until) WHERE ended_at = 0;
