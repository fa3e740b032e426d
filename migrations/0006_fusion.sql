-- Phase 5: fusions, the experts each one mixes, and the losses it measured.
-- A fusion's row is saved after every step, so that a restarted coordinator resumes where it was.

CREATE TABLE fusions (
  name             TEXT    NOT NULL PRIMARY KEY,  -- cooperatives/{c}/fusions/{f}
  cooperative      TEXT    NOT NULL,              -- cooperatives/{c}
  seed             INTEGER NOT NULL,  -- uint64, as the int64 of the same bits
  steps            INTEGER NOT NULL CHECK (steps >= 0),
  threads          INTEGER NOT NULL CHECK (threads >= 1),  -- decides the last bits: part of the input
  state            TEXT    NOT NULL CHECK (state IN
                     ('QUEUED', 'PROBING', 'TRAINING_ROUTER', 'EVALUATING', 'SUCCEEDED', 'FAILED')),
  progress_done    INTEGER NOT NULL DEFAULT 0,
  progress_total   INTEGER NOT NULL DEFAULT 0,
  progress_unit    TEXT    NOT NULL DEFAULT '',
  failure_reason   TEXT    NOT NULL DEFAULT '',
  failure_message  TEXT    NOT NULL DEFAULT '',
  input_json       TEXT    NOT NULL,  -- every input by digest; written once
  create_time      INTEGER NOT NULL,  -- Unix microseconds
  end_time         INTEGER,
  -- The result, all set with state SUCCEEDED.
  fused_loss       REAL,              -- EW(fused), nats/token
  gain_percent     REAL,
  oracle_gain_percent REAL,
  oracle_gap_nats  REAL,
  divergence_percent  REAL,           -- mean of the specialists; NULL when none has an own domain
  guard_met        INTEGER CHECK (guard_met IN (0, 1)),
  router_digest    BLOB CHECK (length(router_digest) = 32),
  report_digest    BLOB CHECK (length(report_digest) = 32),
  report_json      TEXT,
  report_markdown  TEXT
) STRICT;

-- One fusion at a time in a cooperative.
CREATE UNIQUE INDEX fusions_running ON fusions (cooperative)
  WHERE state NOT IN ('SUCCEEDED', 'FAILED');

-- Position 0 is the base: submission, contributor and domain are empty.
CREATE TABLE fusion_experts (
  fusion      TEXT    NOT NULL REFERENCES fusions (name),
  position    INTEGER NOT NULL CHECK (position >= 0),
  submission  TEXT    NOT NULL,
  contributor TEXT    NOT NULL,
  domain      TEXT    NOT NULL,
  root_digest BLOB    NOT NULL CHECK (length(root_digest) = 32),
  PRIMARY KEY (fusion, position)
) STRICT;

-- Models the report compares with; never part of the mixture.
CREATE TABLE fusion_reference_models (
  fusion      TEXT    NOT NULL REFERENCES fusions (name),
  position    INTEGER NOT NULL CHECK (position >= 0),
  label       TEXT    NOT NULL,
  directory   TEXT    NOT NULL,  -- on the coordinator's machine; read again while the fusion probes
  root_digest BLOB    NOT NULL CHECK (length(root_digest) = 32),
  PRIMARY KEY (fusion, position),
  UNIQUE (fusion, label)
) STRICT;

CREATE TABLE fusion_losses (
  fusion          TEXT    NOT NULL,
  expert_position INTEGER NOT NULL,
  domain_position INTEGER NOT NULL,
  domain          TEXT    NOT NULL,
  tokens          INTEGER NOT NULL CHECK (tokens > 0),  -- predictions on the evaluation part
  loss            REAL    NOT NULL CHECK (loss > 0),    -- nats/token
  PRIMARY KEY (fusion, expert_position, domain_position),
  FOREIGN KEY (fusion, expert_position) REFERENCES fusion_experts (fusion, position)
) STRICT;
