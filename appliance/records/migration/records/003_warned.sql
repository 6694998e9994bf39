-- OLDEST: 2
-- BEFORE: an opening was made on the admin pages, for one person or one device.
-- AFTER: warned marks one that a person made from the page that warned them. It is
-- for the device they sat at and holds for them alone, its author.

ALTER TABLE unblocks ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;
