-- Each entry is linked to the one before it: SHA-256 of that entry's link and of what this one says. An entry changed,
-- removed or slipped in afterwards breaks the chain at its place. NULL: written before there was a chain.
ALTER TABLE activity ADD COLUMN link BLOB;
