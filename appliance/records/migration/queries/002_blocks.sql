-- BEFORE: a table of rows and five indexes for each day; the names, devices and
-- people spelled out in every row.
-- AFTER: blocks. Many queries are one row here: their columns side by side in
-- data.bytes, with each device, person and name written once (block.go says how).
-- What a block holds is known without reading it: its times stand in blocks, a
-- Bloom filter of its people, devices, names, categories and actions in filters.
-- They are three tables so that a search walks over small pages only. A small
-- block has no filter: it is read.
-- The tables of the days before are taken over by PruneQueries, not here: a log
-- of months would hold the boot up. From then on "days" stays empty.

CREATE TABLE blocks (
	id    INTEGER PRIMARY KEY, -- the order of arrival
	level INTEGER NOT NULL,    -- how often its rows were put together
	rows  INTEGER NOT NULL,
	first INTEGER NOT NULL,    -- time of the oldest row, Unix microseconds
	last  INTEGER NOT NULL     -- and of the newest
) STRICT;
CREATE TABLE filters (block INTEGER PRIMARY KEY, bits BLOB NOT NULL) STRICT;
CREATE TABLE data (block INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
