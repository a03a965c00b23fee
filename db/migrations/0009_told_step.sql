-- Steps of wrong codes by which a person was told how far off their clock is: they must not become good later.
CREATE TABLE totp_told (
    account_id INTEGER NOT NULL REFERENCES totp (account_id) ON DELETE CASCADE,
    step       INTEGER NOT NULL,
    PRIMARY KEY (account_id, step)
) STRICT, WITHOUT ROWID;
