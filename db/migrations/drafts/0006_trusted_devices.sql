-- A browser that somebody signed in from with everything the account asks for. Trust picks which counter of failures a
-- try is charged to, so that strangers cannot lock the owner out; it never stands for a factor.
CREATE TABLE trusted_devices (
    digest       BLOB PRIMARY KEY,  -- SHA-256 of the cookie
    id           TEXT NOT NULL UNIQUE,
    account_id   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    network      TEXT NOT NULL,
    user_agent   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX trusted_devices_by_account ON trusted_devices (account_id, last_used_at);

-- Half-logins of trusted devices are not crowded out by those of strangers.
ALTER TABLE half_logins ADD COLUMN is_trusted INTEGER NOT NULL DEFAULT FALSE;
