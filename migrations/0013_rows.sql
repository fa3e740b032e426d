-- Phase 4: the rows of the loss matrix that members measure at home, on the launcher's probe text.

-- With the newest measurement of each member, and replaced with it; earlier ones are in the log.
CREATE TABLE measurement_rows (
  cooperative TEXT    NOT NULL,
  contributor TEXT    NOT NULL,
  domain      TEXT    NOT NULL,
  base_loss   REAL    NOT NULL CHECK (base_loss > 0),   -- nats/token
  own_loss    REAL    NOT NULL CHECK (own_loss > 0),
  improvement_standard_error REAL NOT NULL CHECK (improvement_standard_error >= 0),  -- 0: unknown
  tokens      INTEGER NOT NULL CHECK (tokens > 0),
  text_digest BLOB    NOT NULL CHECK (length(text_digest) = 32),
  PRIMARY KEY (cooperative, contributor, domain),
  FOREIGN KEY (cooperative, contributor) REFERENCES contributors(cooperative, id),
  FOREIGN KEY (cooperative, domain) REFERENCES cooperative_domains(cooperative, domain)
) STRICT, WITHOUT ROWID;

-- Losses on one public text told too little of what members do to each other's domains.
ALTER TABLE measurements DROP COLUMN public_base_loss;
ALTER TABLE measurements DROP COLUMN public_own_loss;
