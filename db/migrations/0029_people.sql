-- People as administrators look after them.
ALTER TABLE accounts ADD COLUMN disabled_at INTEGER;
ALTER TABLE accounts ADD COLUMN last_login_at INTEGER;
ALTER TABLE accounts ADD COLUMN two_factor_required_at INTEGER; -- of this person alone, beside the policy for everybody
ALTER TABLE accounts ADD COLUMN password_link_at INTEGER; -- when an administrator last began this on a page
ALTER TABLE accounts ADD COLUMN factor_reset_at INTEGER; -- likewise, or when it was carried out
UPDATE accounts SET last_login_at =
    (SELECT max(at) FROM activity WHERE activity.account_id = accounts.id AND event = 'session.started');
CREATE INDEX accounts_disabled ON accounts (name) WHERE disabled_at IS NOT NULL;
CREATE INDEX accounts_invited ON accounts (name)
    WHERE disabled_at IS NULL AND sealed_password IS NULL AND last_login_at IS NULL;

-- From when on an account must have a second factor, and from when on everybody must: the one answer.
CREATE VIEW two_factor_required (account_id, at, of_everybody_at) AS
SELECT accounts.id,
    min(coalesce(accounts.two_factor_required_at, policy.two_factor_required_at),
        coalesce(policy.two_factor_required_at, accounts.two_factor_required_at)),
    policy.two_factor_required_at
FROM accounts CROSS JOIN policy;

-- Every end of every name: whoever looks for a part of a name looks for the beginning of one of these.
CREATE TABLE name_parts (
    part       TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (part, account_id)
) STRICT, WITHOUT ROWID;
WITH RECURSIVE parts (part, account_id) AS (
    SELECT name, id FROM accounts
    UNION ALL
    SELECT substr(part, 2), account_id FROM parts WHERE length(part) > 1)
INSERT INTO name_parts (part, account_id) SELECT DISTINCT part, account_id FROM parts;
CREATE INDEX name_parts_by_account ON name_parts (account_id, part);

-- What a code is for, and who made it. NULL: the terminal.
ALTER TABLE activations ADD COLUMN kind TEXT NOT NULL DEFAULT 'password';
ALTER TABLE activations ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activations ADD COLUMN made_by INTEGER REFERENCES accounts (id) ON DELETE SET NULL;
UPDATE activations SET kind = 'invitation'
    WHERE account_id IN (SELECT id FROM accounts WHERE last_login_at IS NULL);
UPDATE activations SET made_at = ends_at - CASE kind WHEN 'invitation' THEN 86400 ELSE 3600 END;
CREATE INDEX activations_by_maker ON activations (made_by) WHERE made_by IS NOT NULL;

-- What an administrator began and what is done later: until then the person can stop it.
CREATE TABLE delayed_acts (
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    made_by    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    made_at    INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    PRIMARY KEY (account_id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX delayed_acts_by_maker ON delayed_acts (made_by);
CREATE INDEX delayed_acts_by_due ON delayed_acts (kind, due_at);

-- Who did it, and why.
ALTER TABLE notices ADD COLUMN detail TEXT NOT NULL DEFAULT '';
