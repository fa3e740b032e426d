-- Phase 6: released models. A model is immutable; only its state changes.

CREATE TABLE models (
  cooperative         TEXT    NOT NULL,
  id                  TEXT    NOT NULL,
  fusion              TEXT    NOT NULL,
  state               TEXT    NOT NULL CHECK (state IN ('LOADING', 'ACTIVE', 'RETIRED')),
  state_reason        TEXT    NOT NULL DEFAULT '',
  root_digest         BLOB    NOT NULL CHECK (length(root_digest) = 32),  -- OMS, of the release directory
  signature           TEXT    NOT NULL,                                   -- the OMS bundle (JSON)
  acknowledged_reason TEXT    NOT NULL DEFAULT '',                        -- why, when the guard was not met
  release_time        INTEGER NOT NULL,                                   -- Unix microseconds
  PRIMARY KEY (cooperative, id)
) STRICT;

CREATE INDEX models_newest ON models (cooperative, release_time);

-- Position 0 is the base.
CREATE TABLE model_experts (
  cooperative TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  position    INTEGER NOT NULL CHECK (position >= 0),
  submission  TEXT    NOT NULL,
  contributor TEXT    NOT NULL,
  domain      TEXT    NOT NULL,
  root_digest BLOB    NOT NULL CHECK (length(root_digest) = 32),
  PRIMARY KEY (cooperative, model, position),
  FOREIGN KEY (cooperative, model) REFERENCES models (cooperative, id)
) STRICT;

CREATE TABLE model_files (
  cooperative TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  path        TEXT    NOT NULL,
  size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
  sha256      BLOB    NOT NULL CHECK (length(sha256) = 32),
  PRIMARY KEY (cooperative, model, path),
  FOREIGN KEY (cooperative, model) REFERENCES models (cooperative, id)
) STRICT;
