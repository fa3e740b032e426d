-- What was believed stays as it was believed, and what came of it is remembered for the next line.

-- Losses of the base and the member's specialist on public text, nats/token: both or neither.
ALTER TABLE measurements ADD COLUMN public_base_loss REAL CHECK (public_base_loss > 0);
ALTER TABLE measurements ADD COLUMN public_own_loss REAL CHECK (public_own_loss > 0);

CREATE TRIGGER predictions_never_change BEFORE UPDATE ON predictions
BEGIN
  SELECT RAISE(ABORT, 'predictions never change');
END;

CREATE TRIGGER predictions_never_go BEFORE DELETE ON predictions
BEGIN
  SELECT RAISE(ABORT, 'predictions never change');
END;

-- INSERT OR REPLACE deletes without firing the trigger above.
CREATE TRIGGER predictions_never_replaced BEFORE INSERT ON predictions
WHEN EXISTS (SELECT 1 FROM predictions p WHERE p.cooperative = NEW.cooperative AND p.id = NEW.id)
BEGIN
  SELECT RAISE(ABORT, 'predictions never change');
END;

-- Finished fusions as points of the divergence-gain line. No reference to the fusion: the point
-- stays when the fusion is gone.
CREATE TABLE calibration_points (
  sequence           INTEGER NOT NULL PRIMARY KEY,
  fusion             TEXT    NOT NULL UNIQUE,  -- cooperatives/{c}/fusions/{f}
  cooperative        TEXT    NOT NULL,         -- cooperatives/{c}
  specialists        INTEGER NOT NULL CHECK (specialists >= 1),
  divergence_percent REAL    NOT NULL,         -- mean of the specialists
  gain_percent       REAL    NOT NULL,         -- realised, over the best specialist
  end_time           INTEGER NOT NULL          -- Unix microseconds
) STRICT;

INSERT INTO calibration_points
  (fusion, cooperative, specialists, divergence_percent, gain_percent, end_time)
SELECT f.name, f.cooperative,
       (SELECT count(*) - 1 FROM fusion_experts e WHERE e.fusion = f.name),
       f.divergence_percent, f.gain_percent, f.end_time
FROM fusions f
WHERE f.state = 'SUCCEEDED' AND f.divergence_percent IS NOT NULL
  AND (SELECT count(*) FROM fusion_experts e WHERE e.fusion = f.name) >= 2
ORDER BY f.rowid;

CREATE TRIGGER calibration_points_append AFTER UPDATE OF state ON fusions
WHEN NEW.state = 'SUCCEEDED' AND OLD.state <> 'SUCCEEDED' AND NEW.divergence_percent IS NOT NULL
BEGIN
  INSERT INTO calibration_points
    (fusion, cooperative, specialists, divergence_percent, gain_percent, end_time)
  SELECT NEW.name, NEW.cooperative, count(*) - 1, NEW.divergence_percent, NEW.gain_percent,
         NEW.end_time
  FROM fusion_experts e WHERE e.fusion = NEW.name HAVING count(*) >= 2;
END;

CREATE TRIGGER calibration_points_never_replaced BEFORE INSERT ON calibration_points
WHEN EXISTS (SELECT 1 FROM calibration_points p
             WHERE p.fusion = NEW.fusion OR p.sequence = NEW.sequence)
BEGIN
  SELECT RAISE(ABORT, 'calibration points never change');
END;

CREATE TRIGGER calibration_points_never_change BEFORE UPDATE ON calibration_points
BEGIN
  SELECT RAISE(ABORT, 'calibration points never change');
END;

CREATE TRIGGER calibration_points_never_go BEFORE DELETE ON calibration_points
BEGIN
  SELECT RAISE(ABORT, 'calibration points never change');
END;
