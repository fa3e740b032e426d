-- Phase 2: canonical checkpoints. The bytes are blobs; these rows name them.

CREATE TABLE checkpoints (
  cooperative TEXT    NOT NULL REFERENCES cooperatives(id),
  id          TEXT    NOT NULL,              -- 'base'
  root_digest BLOB    NOT NULL CHECK (length(root_digest) = 32),  -- OMS, over the files by name
  signature   TEXT    NOT NULL,              -- OMS bundle (JSON) by the coordinator's key
  create_time INTEGER NOT NULL,              -- Unix microseconds
  PRIMARY KEY (cooperative, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint_files (
  cooperative TEXT    NOT NULL,
  checkpoint  TEXT    NOT NULL,
  path        TEXT    NOT NULL,              -- flat: no '/'
  size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  PRIMARY KEY (cooperative, checkpoint, path),
  FOREIGN KEY (cooperative, checkpoint) REFERENCES checkpoints(cooperative, id)
) STRICT, WITHOUT ROWID;
