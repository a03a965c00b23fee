-- Names that nobody has share a fixed number of counters now, which are never dropped, like those of accounts.
DELETE FROM attempts WHERE kind = 'password-nobody';
