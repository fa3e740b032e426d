-- Phase 1: cooperatives, members, invitations, certificates, probe texts. Columns hold ids
-- ("legal-de"), not resource names. Times are Unix microseconds.

CREATE TABLE cooperatives (
  id               TEXT    NOT NULL PRIMARY KEY,
  state            TEXT    NOT NULL CHECK (state IN ('DRAFT', 'ACTIVE', 'CLOSED')),
  freeze_depth     INTEGER NOT NULL CHECK (freeze_depth >= 0),
  chunk_tokens     INTEGER NOT NULL CHECK (chunk_tokens >= 2),
  charter_envelope TEXT    NOT NULL,   -- DSSE (JSON); '' before the launch
  create_time      INTEGER NOT NULL,
  launch_time      INTEGER,
  CHECK ((state = 'DRAFT') = (charter_envelope = ''))
) STRICT;

CREATE TABLE cooperative_domains (
  cooperative TEXT    NOT NULL REFERENCES cooperatives(id),
  position    INTEGER NOT NULL,
  domain      TEXT    NOT NULL,
  PRIMARY KEY (cooperative, domain),
  UNIQUE (cooperative, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE contributors (
  cooperative             TEXT    NOT NULL,
  id                      TEXT    NOT NULL,
  domain                  TEXT    NOT NULL,
  state                   TEXT    NOT NULL CHECK (state IN ('INVITED', 'ACTIVE', 'WITHDRAWN')),
  signing_public_key      TEXT    NOT NULL,   -- PEM; '' until enrolled
  certificate_expire_time INTEGER,
  create_time             INTEGER NOT NULL,
  PRIMARY KEY (cooperative, id),
  FOREIGN KEY (cooperative, domain) REFERENCES cooperative_domains(cooperative, domain)
) STRICT, WITHOUT ROWID;

-- The secret itself is nowhere: only its digest. Used, replaced and withdrawn ones have a use_time.
CREATE TABLE invitations (
  secret_digest BLOB    NOT NULL PRIMARY KEY CHECK (length(secret_digest) = 32),
  cooperative   TEXT    NOT NULL,
  contributor   TEXT    NOT NULL,
  expire_time   INTEGER NOT NULL,
  use_time      INTEGER,
  create_time   INTEGER NOT NULL,
  FOREIGN KEY (cooperative, contributor) REFERENCES contributors(cooperative, id)
) STRICT;
CREATE INDEX invitations_by_contributor ON invitations(cooperative, contributor);

-- Client certificates that the authority issued. An administrator's has empty names.
CREATE TABLE certificates (
  fingerprint BLOB    NOT NULL PRIMARY KEY CHECK (length(fingerprint) = 32),
  cooperative TEXT    NOT NULL,
  contributor TEXT    NOT NULL,
  not_after   INTEGER NOT NULL,
  revoke_time INTEGER,
  create_time INTEGER NOT NULL,
  CHECK ((cooperative = '') = (contributor = ''))
) STRICT;
CREATE INDEX certificates_by_contributor ON certificates(cooperative, contributor);

-- The text itself is a blob. `domain` of a public class is a name of its own.
CREATE TABLE probe_texts (
  cooperative          TEXT    NOT NULL REFERENCES cooperatives(id),
  domain               TEXT    NOT NULL,
  public_class         INTEGER NOT NULL CHECK (public_class IN (0, 1)),
  format               TEXT    NOT NULL CHECK (format IN ('jsonl', 'txt')),
  digest               BLOB    NOT NULL CHECK (length(digest) = 32),
  size_bytes           INTEGER NOT NULL CHECK (size_bytes > 0),
  router_documents     INTEGER NOT NULL CHECK (router_documents > 0),
  evaluation_documents INTEGER NOT NULL CHECK (evaluation_documents > 0),
  create_time          INTEGER NOT NULL,
  PRIMARY KEY (cooperative, domain)
) STRICT, WITHOUT ROWID;
