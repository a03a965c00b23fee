-- A right password whose second factor is still owed: the name that everybody else gives it.
ALTER TABLE half_logins RENAME TO pending_logins;
DROP INDEX half_logins_by_account;
CREATE INDEX pending_logins_by_account ON pending_logins (account_id, created_at);
DROP INDEX half_logins_by_end;
CREATE INDEX pending_logins_by_end ON pending_logins (ends_at);
ALTER TABLE notices RENAME COLUMN half_login TO pending_login;
DROP INDEX notices_by_half_login;
CREATE INDEX notices_by_pending_login ON notices (pending_login) WHERE pending_login IS NOT NULL;
