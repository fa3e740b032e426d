-- Always: the record as a tree. Complete subtrees above the leaves, so that a root or a proof reads
-- O(log n) rows, and the state after the last leaf. Both are written with the leaf itself. A
-- database that has leaves from before this file gets them when its server starts.
CREATE TABLE log_nodes (
  level    INTEGER NOT NULL CHECK (level BETWEEN 1 AND 62),  -- 2^level leaves
  position INTEGER NOT NULL CHECK (position >= 0),           -- over leaves position·2^level and on
  hash     BLOB    NOT NULL CHECK (length(hash) = 32),       -- SHA-256(0x01 || left || right)
  PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER log_nodes_no_update BEFORE UPDATE ON log_nodes
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_nodes_no_delete BEFORE DELETE ON log_nodes
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TABLE log_state (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  log_size  INTEGER NOT NULL CHECK (log_size >= 1),
  root_hash BLOB    NOT NULL CHECK (length(root_hash) = 32)  -- RFC 6962 root of all leaves
) STRICT;

CREATE TRIGGER log_state_grows BEFORE UPDATE ON log_state WHEN NEW.log_size <= OLD.log_size
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_state_no_delete BEFORE DELETE ON log_state
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
