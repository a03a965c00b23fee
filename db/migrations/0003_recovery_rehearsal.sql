-- When the person last showed that the saved codes are at hand; NULL: never.
ALTER TABLE recovery_sets ADD COLUMN rehearsed_at INTEGER;
