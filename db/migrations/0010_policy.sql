-- The administrators' choices: one row. NULL: each person chooses whether to use a second factor.
CREATE TABLE policy (
    id                     INTEGER PRIMARY KEY CHECK (id = 1),
    two_factor_required_at INTEGER
) STRICT;
INSERT INTO policy (id, two_factor_required_at) VALUES (1, NULL);
