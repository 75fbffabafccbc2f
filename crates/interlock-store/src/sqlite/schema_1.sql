CREATE TABLE agent (
  tenant TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  name TEXT NOT NULL,
  allowed_action_types TEXT,
  allowed_resources TEXT,
  blocked_resources TEXT NOT NULL DEFAULT '[]',
  max_actions_per_minute INTEGER,
  max_risk_milli INTEGER,
  paused INTEGER NOT NULL DEFAULT 0,
  kill_switch_mode TEXT NOT NULL DEFAULT 'alert',
  elevated INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL,
  live INTEGER NOT NULL DEFAULT 1,
  -- When it was last deleted: actions up to then do not count.
  forgotten INTEGER,
  total INTEGER NOT NULL DEFAULT 0,
  flagged INTEGER NOT NULL DEFAULT 0,
  blocked INTEGER NOT NULL DEFAULT 0,
  held INTEGER NOT NULL DEFAULT 0,
  rolled_back INTEGER NOT NULL DEFAULT 0,
  risk_milli_sum INTEGER NOT NULL DEFAULT 0,
  last_seen INTEGER,
  PRIMARY KEY (tenant, agent_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert (
  tenant TEXT NOT NULL,
  seq INTEGER NOT NULL,
  id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  action_id TEXT,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX alert_order ON alert (tenant, seq, id);

-- Kept apart from the alerts, which are rebuilt from the journal.
CREATE TABLE alert_acknowledgement (
  tenant TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  PRIMARY KEY (tenant, alert_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE policy (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  action_type TEXT,
  resource_pattern TEXT,
  effect TEXT NOT NULL,
  max_risk_milli INTEGER,
  time_start INTEGER,
  time_end INTEGER,
  days INTEGER NOT NULL DEFAULT 0,
  priority INTEGER NOT NULL,
  enabled INTEGER NOT NULL DEFAULT 1,
  created INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE bundle (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  revision INTEGER NOT NULL,
  text TEXT NOT NULL,
  author TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (tenant, name, revision)
) STRICT;

CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  agent_id TEXT,
  environment TEXT,
  role TEXT NOT NULL,
  label TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER,
  revoked INTEGER,
  last_used INTEGER,
  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32)
) STRICT;
CREATE INDEX api_key_tenant ON api_key (tenant, created, id);

CREATE TABLE approval (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  state TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  policy_rev INTEGER NOT NULL,
  excluded TEXT NOT NULL,
  quorum INTEGER NOT NULL,
  requested_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  grant_ttl_ns INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  -- When time next changes the state; NULL when it does not.
  due_at INTEGER,
  grant_digest BLOB,
  grant_policy_rev INTEGER,
  grant_expires_at INTEGER,
  grant_uses INTEGER,
  claim_fence INTEGER,
  claim_policy_rev INTEGER,
  claim_at INTEGER,
  claim_lease_until INTEGER,
  resolution_happened INTEGER,
  resolution_how TEXT,
  resolution_by TEXT,
  resolution_at INTEGER,
  agent_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  step INTEGER,
  action_type TEXT NOT NULL,
  resource TEXT NOT NULL,
  tool TEXT NOT NULL,
  approver_group TEXT NOT NULL,
  risk INTEGER NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX approval_inbox ON approval (tenant, state, requested_at, id);
CREATE INDEX approval_group ON approval (tenant, approver_group, state, requested_at, id);
CREATE INDEX approval_agent ON approval (tenant, agent_id, requested_at, id);
CREATE INDEX approval_all ON approval (tenant, requested_at, id);
CREATE INDEX approval_due ON approval (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE approval_vote (
  tenant TEXT NOT NULL,
  approval_id TEXT NOT NULL,
  approver TEXT NOT NULL,
  place INTEGER NOT NULL,
  approves INTEGER NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  reason TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant, approval_id, approver)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  topic TEXT NOT NULL,
  subject TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE action (
  tenant TEXT NOT NULL,
  seq INTEGER NOT NULL,
  id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  agent_name TEXT,
  session_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  step INTEGER,
  action_type TEXT NOT NULL,
  resource TEXT NOT NULL,
  tool TEXT NOT NULL,
  effect TEXT NOT NULL,
  decided TEXT NOT NULL,
  risk INTEGER NOT NULL,
  risk_milli INTEGER NOT NULL,
  risk_breakdown TEXT NOT NULL,
  flagged INTEGER NOT NULL,
  reason TEXT NOT NULL,
  source TEXT NOT NULL,
  claimed TEXT,
  payload TEXT NOT NULL,
  at INTEGER NOT NULL,
  outcome_status TEXT,
  outcome_at INTEGER,
  rollback_at INTEGER,
  rollback_reason TEXT,
  PRIMARY KEY (tenant, seq)
) STRICT;
CREATE UNIQUE INDEX action_id ON action (tenant, id);
CREATE INDEX action_agent ON action (tenant, agent_id, seq);
CREATE INDEX action_session ON action (tenant, session_id, seq) WHERE session_id <> '';
CREATE INDEX action_run ON action (tenant, run_id, seq) WHERE run_id <> '';
CREATE INDEX action_flagged ON action (tenant, seq) WHERE flagged = 1;

-- Which policy revision, which keys, which control settings: counters that only grow.
CREATE TABLE tenant (
  tenant TEXT PRIMARY KEY,
  policy_epoch INTEGER NOT NULL DEFAULT 0,
  key_epoch INTEGER NOT NULL DEFAULT 0,
  control_epoch INTEGER NOT NULL DEFAULT 0,
  kill_on INTEGER NOT NULL DEFAULT 0,
  kill_reason TEXT NOT NULL DEFAULT '',
  kill_by TEXT NOT NULL DEFAULT '',
  kill_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  decision_id TEXT NOT NULL,
  response TEXT NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (tenant, key)
) STRICT;
CREATE INDEX idempotency_expires ON idempotency (expires);

CREATE TABLE projection (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position BLOB NOT NULL
) STRICT;
