-- What a session was known by until a moment ago: whoever signs out with it, from a tab that had not heard of the change,
-- signs that session out.
CREATE TABLE former_cookies (
    digest     BLOB PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    ends_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX former_cookies_by_session ON former_cookies (session_id);
CREATE INDEX former_cookies_by_end ON former_cookies (ends_at);
