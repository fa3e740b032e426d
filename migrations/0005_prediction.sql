-- Phase 4: what members measured at home, and what was believed before fusing.

-- The newest measurement of each member; earlier ones are in the log.
CREATE TABLE measurements (
  cooperative     TEXT    NOT NULL,
  contributor     TEXT    NOT NULL,
  domain          TEXT    NOT NULL,
  base_loss       REAL    NOT NULL CHECK (base_loss > 0),   -- nats/token, own held-out text
  own_loss        REAL    NOT NULL CHECK (own_loss > 0),
  improvement_standard_error REAL NOT NULL CHECK (improvement_standard_error >= 0),  -- 0: unknown
  held_out_tokens INTEGER NOT NULL CHECK (held_out_tokens > 0),
  steps           INTEGER NOT NULL CHECK (steps >= 0),
  pilot           INTEGER NOT NULL CHECK (pilot IN (0, 1)),
  report_time     INTEGER NOT NULL,                         -- Unix microseconds
  PRIMARY KEY (cooperative, contributor),
  FOREIGN KEY (cooperative, contributor) REFERENCES contributors(cooperative, id)
) STRICT, WITHOUT ROWID;

-- Immutable.
CREATE TABLE predictions (
  cooperative TEXT    NOT NULL REFERENCES cooperatives(id),
  id          TEXT    NOT NULL,
  body        TEXT    NOT NULL,   -- the Prediction message as JSON
  create_time INTEGER NOT NULL,
  PRIMARY KEY (cooperative, id)
) STRICT, WITHOUT ROWID;
