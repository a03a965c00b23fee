-- The first schema. Moments are whole Unix seconds; secrets are sealed (readable with secret.key) or hashed (never).

-- One row about the panel itself. The fingerprint tells whether secret.key belongs to this database.
CREATE TABLE panel (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    key_fingerprint TEXT NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

-- People who sign in. Without a password (invited, or reset by the operator) nobody enters until the activation.
CREATE TABLE accounts (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    role            TEXT NOT NULL CHECK (role IN ('admin', 'member')),
    sealed_password BLOB,  -- an argon2id PHC string, sealed
    created_at      INTEGER NOT NULL
) STRICT;

-- The code, on the operator's terminal only, that makes the first account. SHA-256 of 120 random bits.
CREATE TABLE setup_codes (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    digest  BLOB NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT;

-- The code that lets an account choose its password, one at a time. SHA-256 of 120 random bits.
CREATE TABLE activations (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    digest     BLOB NOT NULL UNIQUE,
    ends_at    INTEGER NOT NULL
) STRICT;

-- The authenticator app in force. last_step only grows: it is what makes a code work once.
CREATE TABLE totp (
    account_id   INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    sealed_key   BLOB NOT NULL,
    last_step    INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL
) STRICT;

-- A key shown but not confirmed; it proves nothing and changes nothing until it is.
CREATE TABLE totp_enrolments (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    sealed_key BLOB NOT NULL,
    misses     INTEGER NOT NULL DEFAULT 0,
    ends_at    INTEGER NOT NULL
) STRICT;

-- Ten codes share the salt of their set, so that checking one costs one hash.
CREATE TABLE recovery_sets (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    salt       BLOB NOT NULL,
    made_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE recovery_codes (
    account_id INTEGER NOT NULL REFERENCES recovery_sets (account_id) ON DELETE CASCADE,
    digest     BLOB NOT NULL,  -- argon2id
    used_at    INTEGER,
    PRIMARY KEY (account_id, digest)
) STRICT, WITHOUT ROWID;

-- A right password whose second factor is still owed: opens the challenge and nothing else.
CREATE TABLE half_logins (
    digest     BLOB PRIMARY KEY,  -- SHA-256 of the cookie
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    next       TEXT NOT NULL,
    misses     INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX half_logins_by_account ON half_logins (account_id, created_at);

-- A signed-in browser. The id may be shown; the cookie is known only as SHA-256 and changes at every proof.
CREATE TABLE sessions (
    digest       BLOB PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    account_id   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    method       TEXT NOT NULL CHECK (method IN ('password', 'totp', 'recovery')),
    network      TEXT NOT NULL,
    user_agent   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    verified_at  INTEGER NOT NULL,  -- when every enrolled factor was last proved
    last_seen_at INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions (account_id, last_seen_at);

-- How often something was tried in vain. The key is a digest: people type passwords into the wrong field.
CREATE TABLE attempts (
    kind     TEXT NOT NULL,
    key      BLOB NOT NULL,
    failures INTEGER NOT NULL,
    opens_at INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- The protected API instances.
CREATE TABLE instances (
    id               TEXT PRIMARY KEY,
    account_id       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    sealed_token     BLOB NOT NULL,
    created_at       INTEGER NOT NULL,
    token_changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX instances_by_account ON instances (account_id, name);

-- What happened. Rows are added in the transaction of what they tell, and never changed.
CREATE TABLE activity (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    account_id INTEGER REFERENCES accounts (id),  -- NULL: nobody we know
    session_id TEXT,
    event      TEXT NOT NULL,
    network    TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    detail     TEXT NOT NULL
) STRICT;
CREATE INDEX activity_by_account ON activity (account_id, id);
CREATE TRIGGER activity_is_never_changed BEFORE UPDATE ON activity
BEGIN
    SELECT RAISE(ABORT, 'activity is never changed');
END;
CREATE TRIGGER activity_is_never_removed BEFORE DELETE ON activity
BEGIN
    SELECT RAISE(ABORT, 'activity is never removed');
END;
