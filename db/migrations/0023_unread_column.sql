-- Nobody asks when the panel was made.
ALTER TABLE panel DROP COLUMN created_at;
