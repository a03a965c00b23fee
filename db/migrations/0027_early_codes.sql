-- Recovery codes that are hashed while the person still types wait with the key that they go with, sealed.
ALTER TABLE totp_enrolments ADD COLUMN sealed_codes BLOB;
-- How often it was begun, this time included: each leaves an entry in the app.
ALTER TABLE totp_enrolments ADD COLUMN starts INTEGER NOT NULL DEFAULT 1;
