-- How many notices of a pending approval were given, and when the next one is; NULL for none.
ALTER TABLE approval ADD COLUMN notices INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approval ADD COLUMN notice_at INTEGER;
CREATE INDEX approval_notice ON approval (notice_at) WHERE notice_at IS NOT NULL;

CREATE TABLE approval_edit (
  tenant TEXT NOT NULL,
  approval_id TEXT NOT NULL,
  editor TEXT NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  seq INTEGER NOT NULL,
  rules TEXT NOT NULL,
  resource TEXT NOT NULL,
  PRIMARY KEY (tenant, approval_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE session_approval (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  approval_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  action_type TEXT NOT NULL,
  tool TEXT NOT NULL,
  resource TEXT NOT NULL,
  run_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  arguments TEXT NOT NULL,
  rules TEXT NOT NULL,
  risk_max INTEGER NOT NULL,
  uses_max INTEGER NOT NULL,
  uses INTEGER NOT NULL DEFAULT 0,
  cost_nano_max INTEGER,
  cost_nano INTEGER NOT NULL DEFAULT 0,
  granted_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  revoked INTEGER,
  revoked_by TEXT,
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX session_approval_agent ON session_approval (tenant, agent_id, created);
CREATE INDEX session_approval_all ON session_approval (tenant, created);

CREATE TABLE delivery (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  channel TEXT NOT NULL,
  person TEXT NOT NULL,
  topic TEXT NOT NULL,
  subject TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  created INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- When it is tried next; NULL once it is sent or dead.
  due_at INTEGER,
  status TEXT NOT NULL DEFAULT 'due',
  error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX delivery_due ON delivery (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_tenant ON delivery (tenant, seq);

-- Secrets in messages, by their hashes.
CREATE TABLE approval_link (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  tenant TEXT NOT NULL,
  approval_id TEXT NOT NULL,
  approver TEXT NOT NULL,
  version INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
