-- Why a browser is not signed in any more. Nobody is told but whoever brings its cookie, and only for a while.
CREATE TABLE endings (
    digest     BLOB PRIMARY KEY, -- of the cookie of the session, or of the pending login
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    cause      TEXT NOT NULL,
    ends_at    INTEGER NOT NULL -- it is not told any longer
) STRICT, WITHOUT ROWID;
CREATE INDEX endings_by_account ON endings (account_id);
CREATE INDEX endings_by_end ON endings (ends_at);
