-- What a fusion measures on probe text can quarantine a specialist that was admitted.

-- Its member may have a better one under way by then: quarantined ones are no longer among what
-- must be one a contributor. SubmissionStore::Create still asks for none before a new one begins.
DROP INDEX submissions_one_open;
CREATE UNIQUE INDEX submissions_one_open ON submissions(contributor)
  WHERE state IN ('DRAFT', 'UPLOADING', 'CHECKING');

-- Specialists that a fusion was created with, measured and went on without. Their probe arrays go
-- with their members.
CREATE TABLE screened_specialists (
  fusion      TEXT NOT NULL REFERENCES fusions (name),
  submission  TEXT NOT NULL REFERENCES submissions (name),
  root_digest BLOB NOT NULL CHECK (length(root_digest) = 32),
  PRIMARY KEY (fusion, submission)
) STRICT, WITHOUT ROWID;
