-- What the running panel noticed about the proxy before it, for `doctor`; forgotten at each start.
CREATE TABLE findings (
    kind   TEXT PRIMARY KEY,
    detail TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
