-- Since when each is in force, too.
DROP VIEW factors_in_force;
CREATE VIEW factors_in_force (account_id, kind, since) AS SELECT account_id, 'totp', confirmed_at FROM totp;
