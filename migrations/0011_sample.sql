-- Samples that members share as probe text of their own domain after the launch (design §3.1). The
-- text is a blob, always JSON lines; the row stays when the member leaves, the bytes go.

CREATE TABLE shared_samples (
  cooperative          TEXT    NOT NULL,
  contributor          TEXT    NOT NULL,
  domain               TEXT    NOT NULL,
  digest               BLOB    NOT NULL CHECK (length(digest) = 32),
  size_bytes           INTEGER NOT NULL CHECK (size_bytes > 0),
  router_documents     INTEGER NOT NULL CHECK (router_documents > 0),
  evaluation_documents INTEGER NOT NULL CHECK (evaluation_documents > 0),
  create_time          INTEGER NOT NULL,   -- Unix microseconds
  PRIMARY KEY (cooperative, contributor),
  FOREIGN KEY (cooperative, contributor) REFERENCES contributors(cooperative, id),
  FOREIGN KEY (cooperative, domain) REFERENCES cooperative_domains(cooperative, domain)
) STRICT, WITHOUT ROWID;

-- What a fusion started now reads: the charter's texts, and samples of members that have not left.
-- At most one a domain.
CREATE VIEW current_probe_texts AS
  SELECT cooperative, domain, public_class, format, digest, size_bytes, router_documents,
         evaluation_documents, '' AS contributor
  FROM probe_texts
  UNION ALL
  SELECT s.cooperative, s.domain, 0, 'jsonl', s.digest, s.size_bytes, s.router_documents,
         s.evaluation_documents, s.contributor
  FROM shared_samples AS s
  JOIN contributors AS c ON c.cooperative = s.cooperative AND c.id = s.contributor
  WHERE c.state <> 'WITHDRAWN';

-- Whose samples a fusion was created with.
CREATE TABLE fusion_samples (
  fusion      TEXT NOT NULL REFERENCES fusions(name),
  cooperative TEXT NOT NULL,
  contributor TEXT NOT NULL,
  PRIMARY KEY (fusion, contributor),
  FOREIGN KEY (cooperative, contributor) REFERENCES shared_samples(cooperative, contributor)
) STRICT, WITHOUT ROWID;

-- Fusions that read or mixed something of a member that has left.
CREATE VIEW withdrawn_fusions AS
  SELECT e.fusion FROM fusion_experts AS e
  JOIN current_submissions AS s ON s.name = e.submission WHERE s.state = 'WITHDRAWN'
  UNION
  SELECT f.fusion FROM fusion_samples AS f
  JOIN contributors AS c ON c.cooperative = f.cooperative AND c.id = f.contributor
  WHERE c.state = 'WITHDRAWN';
