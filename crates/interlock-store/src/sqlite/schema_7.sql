-- What filters ask for. Lines of a list are separated by line breaks.
ALTER TABLE action ADD COLUMN approval TEXT NOT NULL DEFAULT '';
ALTER TABLE action ADD COLUMN environment TEXT NOT NULL DEFAULT '';
ALTER TABLE action ADD COLUMN rules TEXT NOT NULL DEFAULT '';
ALTER TABLE action ADD COLUMN findings TEXT NOT NULL DEFAULT '';
ALTER TABLE action ADD COLUMN asi TEXT NOT NULL DEFAULT '';
ALTER TABLE action ADD COLUMN degraded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE action ADD COLUMN cost_nano_usd INTEGER;
ALTER TABLE action ADD COLUMN latency_ms INTEGER;

-- Actions that are no longer the newest, column by column: a search reads the columns that it asks
-- for, and of those the parts that can hold what it looks for.
CREATE TABLE action_block (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  at_min INTEGER NOT NULL,
  at_max INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX action_block_order ON action_block (tenant, last_seq);
CREATE TABLE action_column (
  block INTEGER NOT NULL,
  field INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (block, field)
) STRICT;

-- The rows are made anew from the journal and the vault, with the new columns.
DELETE FROM action;
DELETE FROM alert;
DELETE FROM alert_detector;
DELETE FROM alert_group;
DELETE FROM response;
DELETE FROM projection;
UPDATE agent SET total = 0, flagged = 0, blocked = 0, held = 0, rolled_back = 0,
  risk_milli_sum = 0, last_seen = NULL;
