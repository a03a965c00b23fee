-- The app that was replaced a moment ago: proves nothing any more, but can be put back by the session that replaced it.
CREATE TABLE totp_replaced (
    account_id   INTEGER PRIMARY KEY REFERENCES totp (account_id) ON DELETE CASCADE,
    session_id   TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    sealed_key   BLOB NOT NULL,
    last_step    INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL
) STRICT;
