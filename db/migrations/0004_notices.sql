-- What the owner should know of, until acknowledged. A right password is one too, from the moment its half-login is
-- over without a second factor (shows_at); a login that succeeds withdraws it.
CREATE TABLE notices (
    id              INTEGER PRIMARY KEY,
    account_id      INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    session_id      TEXT,  -- who did it: that session need not be told
    half_login      BLOB,  -- digest of the half-login it depends on
    kind            TEXT NOT NULL,
    at              INTEGER NOT NULL,
    shows_at        INTEGER NOT NULL,
    network         TEXT NOT NULL,
    user_agent      TEXT NOT NULL,
    acknowledged_at INTEGER
) STRICT;
CREATE INDEX notices_pending ON notices (account_id, shows_at) WHERE acknowledged_at IS NULL;

-- On a bad day every token can be paused at once: nobody is shown it until it is changed or reopened.
ALTER TABLE instances ADD COLUMN paused_at INTEGER;
