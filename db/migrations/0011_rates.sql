-- How often something was done in a span of time. The key is a tag of a network, or tells an account or a device.
CREATE TABLE rates (
    kind      TEXT NOT NULL,
    key       BLOB NOT NULL,
    count     INTEGER NOT NULL,
    begins_at INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX rates_by_age ON rates (begins_at);
