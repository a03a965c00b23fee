-- Key pairs in a device or a password manager: each a whole login, and a second factor after a password.
CREATE TABLE passkeys (
    id                 TEXT PRIMARY KEY,
    account_id         INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    credential_id      BLOB NOT NULL UNIQUE,
    sealed_key         BLOB NOT NULL,  -- the public key (COSE): no secret, but bound to this row and account
    rp_id              TEXT NOT NULL,  -- the host name that it was made for
    name               TEXT NOT NULL,
    aaguid             BLOB NOT NULL,  -- the make of the authenticator; zeros where it does not say
    counter            INTEGER NOT NULL,  -- of signatures; 0 where the authenticator has none
    is_backup_eligible INTEGER NOT NULL,  -- of the kind that is kept in several devices; it never changes
    is_backed_up       INTEGER NOT NULL,
    transports         TEXT NOT NULL,  -- separated by blanks
    created_at         INTEGER NOT NULL,
    last_used_at       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX passkeys_by_account ON passkeys (account_id, created_at);
CREATE INDEX passkeys_by_rp ON passkeys (rp_id);

-- What password managers may still offer, so that they can be told.
CREATE TABLE removed_passkeys (
    digest     BLOB PRIMARY KEY,  -- of the credential id
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    rp_id      TEXT NOT NULL,
    removed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX removed_passkeys_by_account ON removed_passkeys (account_id, removed_at);

-- Challenges that were answered rightly, as long as they would still count.
CREATE TABLE used_challenges (
    digest  BLOB PRIMARY KEY,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_challenges_by_end ON used_challenges (ends_at);

-- What authenticators know an account by: random, made when a first passkey is.
ALTER TABLE accounts ADD COLUMN passkey_user BLOB;

DROP VIEW factors_in_force;
CREATE VIEW factors_in_force (account_id, kind, since) AS
    SELECT account_id, 'totp', confirmed_at FROM totp
    UNION ALL
    SELECT account_id, 'passkey', created_at FROM passkeys;
