-- BEFORE: an empty file.
-- AFTER: the list of days. Each day's queries stand in a table of their own,
-- "q20260105", made when its first row comes and dropped whole when it is old:
-- what is forgotten is forgotten in one step, and a day's indexes stay small.

CREATE TABLE days (
	day  INTEGER NOT NULL PRIMARY KEY, -- 20260105, UTC
	rows INTEGER NOT NULL
) STRICT;
