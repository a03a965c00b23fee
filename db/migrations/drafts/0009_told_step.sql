-- The step of a wrong code that a person was told their clock is off by: its code must not become good later.
ALTER TABLE totp ADD COLUMN told_step INTEGER;
