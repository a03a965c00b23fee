-- The panel's short id in the names of its cookies, so that two panels on one host leave each other's alone. NULL until
-- the next start.
ALTER TABLE panel ADD COLUMN short_id TEXT;
