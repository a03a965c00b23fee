-- However many people, sessions and entries there are: every question goes by an index, and what is over is found by its
-- age (tests/db/test_plans.py).
CREATE INDEX sessions_by_end ON sessions (ends_at);
CREATE INDEX sessions_by_use ON sessions (last_seen_at);
CREATE INDEX half_logins_by_end ON half_logins (ends_at);
CREATE INDEX trusted_devices_by_end ON trusted_devices (ends_at);
CREATE INDEX totp_enrolments_by_end ON totp_enrolments (ends_at);
CREATE INDEX totp_enrolments_by_session ON totp_enrolments (session_id);
CREATE INDEX totp_replaced_by_end ON totp_replaced (ends_at);
CREATE INDEX totp_replaced_by_session ON totp_replaced (session_id);
CREATE INDEX activations_by_end ON activations (ends_at);
CREATE INDEX attempts_by_age ON attempts (kind, opens_at);
CREATE INDEX attempts_by_key ON attempts (key);
CREATE INDEX notices_by_half_login ON notices (half_login) WHERE half_login IS NOT NULL;
CREATE INDEX notices_by_acknowledgement ON notices (acknowledged_at) WHERE acknowledged_at IS NOT NULL;
CREATE INDEX administrators ON accounts (id) WHERE role = 'admin';

-- Where an account was signed in from, without reading everything that ever happened to it.
CREATE INDEX activity_logins ON activity (account_id, network, user_agent) WHERE event = 'session.started';
