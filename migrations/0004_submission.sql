-- Phase 3: signed specialists, their transfers and their verdicts.
-- Names are resource names as in the API. Contributors and cooperatives are rows of 0002_launch.sql;
-- they are named, not referenced, because a withdrawn member's submissions stay on record.

CREATE TABLE submissions (
  name TEXT PRIMARY KEY,               -- cooperatives/{c}/submissions/{s}
  cooperative TEXT NOT NULL,           -- cooperatives/{c}
  contributor TEXT NOT NULL,           -- cooperatives/{c}/contributors/{contributor}
  domain TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN
    ('DRAFT', 'UPLOADING', 'CHECKING', 'ADMITTED', 'QUARANTINED', 'REJECTED')),
  nonce TEXT NOT NULL UNIQUE,          -- 64 hex digits; stands in submission.json
  root_digest BLOB CHECK (length(root_digest) = 32),  -- OMS root digest; NULL before it is known
  weights_digest BLOB CHECK (length(weights_digest) = 32),  -- of the tensors' content, whatever the file layout
  divergence_percent REAL,             -- from the signed divergence.json
  receipt_envelope TEXT NOT NULL DEFAULT '',
  create_time INTEGER NOT NULL,        -- Unix microseconds
  decide_time INTEGER
) STRICT;

-- As everybody reads them: the submissions of a member that left are withdrawn from that moment on.
CREATE VIEW current_submissions AS
  SELECT s.name, s.cooperative, s.contributor, s.domain,
         CASE WHEN EXISTS (
           SELECT 1 FROM contributors AS c
           WHERE c.state = 'WITHDRAWN' AND
                 s.contributor = 'cooperatives/' || c.cooperative || '/contributors/' || c.id
         ) THEN 'WITHDRAWN' ELSE s.state END AS state,
         s.nonce, s.root_digest, s.weights_digest, s.divergence_percent, s.receipt_envelope,
         s.create_time, s.decide_time
  FROM submissions AS s;

-- One submission a contributor, unless the earlier one was rejected.
CREATE UNIQUE INDEX submissions_one_open ON submissions(contributor) WHERE state <> 'REJECTED';
CREATE INDEX submissions_by_cooperative ON submissions(cooperative, name);
CREATE INDEX submissions_by_weights ON submissions(cooperative, weights_digest);

CREATE TABLE submission_files (
  submission TEXT NOT NULL REFERENCES submissions(name),
  path TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  held INTEGER NOT NULL CHECK (held IN (0, 1)),  -- the blob store has these bytes for this member
  PRIMARY KEY (submission, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
  name TEXT PRIMARY KEY,               -- {submission}/uploads/{digest, hex}
  submission TEXT NOT NULL REFERENCES submissions(name),
  contributor TEXT NOT NULL,
  path TEXT NOT NULL,
  staging_id TEXT NOT NULL UNIQUE,     -- the file in the blob store's staging folder
  expire_time INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_by_contributor ON uploads(contributor);

CREATE TABLE submission_checks (
  submission TEXT NOT NULL REFERENCES submissions(name),
  position INTEGER NOT NULL,           -- the order in which the checks ran, from 0
  check_name TEXT NOT NULL,
  passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
  reason TEXT NOT NULL,                -- of error_reason.proto; '' when passed
  message TEXT NOT NULL,
  PRIMARY KEY (submission, position)
) STRICT, WITHOUT ROWID;
