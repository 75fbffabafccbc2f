-- Runs, kept with the actions that they are made of: a page of them reads no action.
CREATE TABLE run (
  tenant TEXT NOT NULL,
  run_id TEXT NOT NULL,
  -- Of the first action.
  agent_id TEXT NOT NULL,
  agents INTEGER NOT NULL DEFAULT 0,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  started INTEGER NOT NULL,
  last INTEGER NOT NULL,
  actions INTEGER NOT NULL,
  flagged INTEGER NOT NULL,
  blocked INTEGER NOT NULL,
  held INTEGER NOT NULL,
  risk_max INTEGER NOT NULL,
  PRIMARY KEY (tenant, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_order ON run (tenant, last_seq);

-- Which agents acted in a run.
CREATE TABLE run_agent (
  tenant TEXT NOT NULL,
  run_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  PRIMARY KEY (tenant, run_id, agent_id)
) STRICT, WITHOUT ROWID;

INSERT INTO run_agent SELECT DISTINCT tenant, run_id, agent_id FROM action WHERE run_id <> '';
INSERT INTO run (tenant, run_id, first_seq, agent_id, last_seq, started, last, actions, flagged, blocked,
  held, risk_max)
SELECT tenant, run_id, seq, agent_id, seq, at, at, 1, flagged, effect = 'block',
  effect = 'require_approval', risk FROM action WHERE run_id <> '' ORDER BY tenant, seq
ON CONFLICT (tenant, run_id) DO UPDATE SET
  last_seq = excluded.last_seq, started = min(started, excluded.started),
  last = max(last, excluded.last), actions = actions + 1, flagged = flagged + excluded.flagged,
  blocked = blocked + excluded.blocked, held = held + excluded.held,
  risk_max = max(risk_max, excluded.risk_max);
UPDATE run SET agents = (SELECT count(*) FROM run_agent a
  WHERE a.tenant = run.tenant AND a.run_id = run.run_id);
