-- Which second factors an account has: the one answer, for whatever decides by it.
CREATE VIEW factors_in_force (account_id, kind) AS SELECT account_id, 'totp' FROM totp;

-- Without a fixed list of the ways to sign in.
CREATE TABLE sessions_rebuilt (
    digest       BLOB PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    account_id   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    method       TEXT NOT NULL,
    network      TEXT NOT NULL,
    user_agent   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    verified_at  INTEGER NOT NULL,  -- when every enrolled factor was last proved
    last_seen_at INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sessions_rebuilt
    SELECT digest, id, account_id, method, network, user_agent, created_at, verified_at, last_seen_at, ends_at
    FROM sessions;
DROP TABLE sessions;
ALTER TABLE sessions_rebuilt RENAME TO sessions;
CREATE INDEX sessions_by_account ON sessions (account_id, last_seen_at);
CREATE INDEX sessions_by_end ON sessions (ends_at);
CREATE INDEX sessions_by_use ON sessions (last_seen_at);
