-- Adding and leaving: versions of a member's specialist, which model has its turn, withdrawals.

-- A newer admitted specialist of the same member took this one's place. It stays on record, its
-- bytes for models that were released with it; later fusions take the newer one.
ALTER TABLE submissions ADD COLUMN superseded_by TEXT;  -- name of the newer one; NULL: none

DROP VIEW current_submissions;
-- As everybody reads them: the submissions of a member that left are withdrawn from that moment on.
CREATE VIEW current_submissions AS
  SELECT s.name, s.cooperative, s.contributor, s.domain,
         CASE WHEN EXISTS (
           SELECT 1 FROM contributors AS c
           WHERE c.state = 'WITHDRAWN' AND
                 s.contributor = 'cooperatives/' || c.cooperative || '/contributors/' || c.id
         ) THEN 'WITHDRAWN'
         WHEN s.superseded_by IS NOT NULL THEN 'SUPERSEDED'
         ELSE s.state END AS state,
         s.nonce, s.root_digest, s.weights_digest, s.divergence_percent, s.receipt_envelope,
         s.create_time, s.decide_time
  FROM submissions AS s;

-- One submission under way a contributor, and one that is fused.
DROP INDEX submissions_one_open;
CREATE UNIQUE INDEX submissions_one_open ON submissions(contributor)
  WHERE state IN ('DRAFT', 'UPLOADING', 'CHECKING', 'QUARANTINED');
CREATE UNIQUE INDEX submissions_one_admitted ON submissions(contributor)
  WHERE state = 'ADMITTED' AND superseded_by IS NULL;

-- Whether the average of the specialists' weights is measured for the report: the one baseline that
-- needs a pass of its own. A re-solve runs no model and leaves it out.
ALTER TABLE fusions ADD COLUMN weight_average INTEGER NOT NULL DEFAULT 1
  CHECK (weight_average IN (0, 1));

-- The model with the largest turn is the one to serve; a release and a rollback take the next.
ALTER TABLE models ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
UPDATE models SET turn = rowid;

-- One row a member that left: how far the work of its leaving has come.
CREATE TABLE withdrawals (
  cooperative      TEXT    NOT NULL,
  contributor      TEXT    NOT NULL,
  state            TEXT    NOT NULL CHECK (state IN ('MASKED', 'ERASED', 'RESOLVING', 'DONE')),
  actor            TEXT    NOT NULL,             -- who withdrew it: the member or an administrator
  comment          TEXT    NOT NULL,
  files_deleted    INTEGER NOT NULL DEFAULT 0,   -- of the blob store, when ERASED was reached
  receipt_envelope TEXT    NOT NULL DEFAULT '',  -- DSSE (JSON); from ERASED on
  masked_model     TEXT    NOT NULL DEFAULT '',  -- the served model that names the member
  fusion           TEXT    NOT NULL DEFAULT '',  -- the re-solve
  model            TEXT    NOT NULL DEFAULT '',  -- released from it
  outcome          TEXT    NOT NULL DEFAULT '',  -- why none was: a reason
  withdraw_time    INTEGER NOT NULL,             -- Unix microseconds
  done_time        INTEGER,
  PRIMARY KEY (cooperative, contributor),
  FOREIGN KEY (cooperative, contributor) REFERENCES contributors(cooperative, id)
) STRICT, WITHOUT ROWID;

-- Members that left before their bytes were deleted: the next start does it.
UPDATE submission_files SET held = 0 WHERE submission IN (
  SELECT name FROM current_submissions WHERE state = 'WITHDRAWN');
DELETE FROM uploads WHERE submission IN (
  SELECT name FROM current_submissions WHERE state = 'WITHDRAWN');
INSERT INTO withdrawals (cooperative, contributor, state, actor, comment, withdraw_time)
  SELECT cooperative, id, 'MASKED', 'coordinator', 'left before withdrawals were recorded',
         create_time FROM contributors WHERE state = 'WITHDRAWN';
