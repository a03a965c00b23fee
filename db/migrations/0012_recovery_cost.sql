-- What a hash took when the set was made, as in a PHC string: its codes can be compared only with hashes that take the same.
ALTER TABLE recovery_sets ADD COLUMN cost TEXT NOT NULL DEFAULT 'm=47104,t=2,p=1';
