-- When the owner said what to do about a used code: a new phone, or simply that they know. NULL: still to be asked.
ALTER TABLE recovery_codes ADD COLUMN acknowledged_at INTEGER;
