-- The time zone that a person wants dates in, by its IANA name; '' while their browser says it.
ALTER TABLE accounts ADD COLUMN zone TEXT NOT NULL DEFAULT '';
-- For the file of all that is known about a person; what is not acknowledged has an index already.
CREATE INDEX notices_acknowledged ON notices (account_id, at) WHERE acknowledged_at IS NOT NULL;
