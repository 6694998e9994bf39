-- OLDEST: 2
-- BEFORE: what somebody wrote when they went on from a warning stood in the audit
-- too, which nothing can be taken out of.
-- AFTER: the audit holds a salted hash of it. salt is what the hash was made with;
-- without it nobody can try out what the words may have been. erased says when the
-- site and the words were taken out, and the salt with them.

ALTER TABLE unblocks ADD COLUMN salt BLOB NOT NULL DEFAULT x'';
ALTER TABLE unblocks ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
