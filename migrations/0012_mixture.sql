-- How the gate's weights make the distribution of the next token (design 3.5). All fusions and models
-- before this are mixtures of probabilities.
ALTER TABLE fusions ADD COLUMN mixture TEXT NOT NULL DEFAULT 'probability'
  CHECK (mixture IN ('probability', 'logit'));
ALTER TABLE models ADD COLUMN mixture TEXT NOT NULL DEFAULT 'probability'
  CHECK (mixture IN ('probability', 'logit'));
