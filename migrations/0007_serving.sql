-- Phase 6: released models. A model is immutable; only its state changes.

CREATE TABLE models (
  name                TEXT    NOT NULL PRIMARY KEY,  -- cooperatives/{c}/models/{m}
  cooperative         TEXT    NOT NULL,              -- cooperatives/{c}
  fusion              TEXT    NOT NULL,
  state               TEXT    NOT NULL CHECK (state IN ('LOADING', 'ACTIVE', 'RETIRED')),
  state_reason        TEXT    NOT NULL DEFAULT '',
  root_digest         BLOB    NOT NULL CHECK (length(root_digest) = 32),  -- OMS, of the release directory
  signature           TEXT    NOT NULL,                                   -- the OMS bundle (JSON)
  acknowledged_reason TEXT    NOT NULL DEFAULT '',                        -- why, when the guard was not met
  release_time        INTEGER NOT NULL                                    -- Unix microseconds
) STRICT;

CREATE INDEX models_newest ON models (cooperative, release_time);

-- Position 0 is the base.
CREATE TABLE model_experts (
  model       TEXT    NOT NULL REFERENCES models (name),
  position    INTEGER NOT NULL CHECK (position >= 0),
  submission  TEXT    NOT NULL,
  contributor TEXT    NOT NULL,
  domain      TEXT    NOT NULL,
  root_digest BLOB    NOT NULL CHECK (length(root_digest) = 32),
  PRIMARY KEY (model, position)
) STRICT;

CREATE TABLE model_files (
  model       TEXT    NOT NULL REFERENCES models (name),
  path        TEXT    NOT NULL,
  size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
  sha256      BLOB    NOT NULL CHECK (length(sha256) = 32),
  PRIMARY KEY (model, path)
) STRICT;
