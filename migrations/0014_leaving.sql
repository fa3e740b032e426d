-- What a member that leaves is told was deleted, and what is never served again, each said once.

-- Every file the submissions of a contributor ever held here whole: it stays when a file is
-- declared away, rejected or let go of, so that the receipt of a withdrawal lists neither less nor,
-- by naming what was declared and never sent, more.
CREATE TABLE submitted_files (
  contributor TEXT NOT NULL,  -- cooperatives/{c}/contributors/{id}
  digest      BLOB NOT NULL CHECK (length(digest) = 32),
  PRIMARY KEY (contributor, digest)
) STRICT, WITHOUT ROWID;

-- What was here whole before this was written down: of submissions that were checked, everything;
-- of the others what is held. What a member that has left held is not known: all of it is listed.
INSERT OR IGNORE INTO submitted_files (contributor, digest)
  SELECT s.contributor, f.digest FROM submission_files AS f
  JOIN current_submissions AS s ON s.name = f.submission
  WHERE f.held = 1 OR s.state NOT IN ('DRAFT', 'UPLOADING');

-- Models that mix a specialist, or whose router read the sample, of a member that has left.
CREATE VIEW withdrawn_models AS
  SELECT e.model FROM model_experts AS e
  JOIN current_submissions AS s ON s.name = e.submission WHERE s.state = 'WITHDRAWN'
  UNION
  SELECT m.name FROM models AS m JOIN withdrawn_fusions AS w ON w.fusion = m.fusion;
