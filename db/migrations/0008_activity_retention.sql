-- Entries are kept for a while only. What is left still follows from the last one removed, whose link is kept here.
CREATE TABLE activity_pruned (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    last_id INTEGER NOT NULL,
    link    BLOB
) STRICT;

DROP TRIGGER activity_is_never_removed;
CREATE TRIGGER activity_is_removed_from_the_oldest_on BEFORE DELETE ON activity
WHEN OLD.id > coalesce((SELECT last_id FROM activity_pruned), 0)
BEGIN
    SELECT RAISE(ABORT, 'activity is removed only as activity_pruned tells');
END;
