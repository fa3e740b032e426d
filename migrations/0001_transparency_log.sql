-- Always: the record. One leaf an act, appended in the act's transaction, never changed.
CREATE TABLE log_entries (
  log_index INTEGER PRIMARY KEY CHECK (log_index >= 0),   -- 0, 1, 2, … without gaps
  leaf      TEXT    NOT NULL,                             -- canonical JSON, exactly as hashed
  leaf_hash BLOB    NOT NULL CHECK (length(leaf_hash) = 32),  -- SHA-256(0x00 || leaf)
  time      INTEGER NOT NULL                              -- Unix microseconds
) STRICT;

CREATE TRIGGER log_entries_no_update BEFORE UPDATE ON log_entries
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_entries_no_delete BEFORE DELETE ON log_entries
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
