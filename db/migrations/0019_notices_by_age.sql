-- Notices go by their age, whether or not anybody acknowledged them.
DROP INDEX notices_by_acknowledgement;
CREATE INDEX notices_by_age ON notices (at);
