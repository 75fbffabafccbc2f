-- What an alert is grouped and counted by.
ALTER TABLE alert ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN group_id TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN rule TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN detector TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN others TEXT NOT NULL DEFAULT '[]';
ALTER TABLE alert ADD COLUMN code TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN class TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN tool TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN notify TEXT NOT NULL DEFAULT '[]';
UPDATE alert SET kind = 'decision', rank =
  CASE level WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END;
CREATE INDEX alert_member ON alert (tenant, group_id, seq);
CREATE INDEX alert_agent ON alert (tenant, agent_id, rank, seq);
CREATE INDEX alert_tool ON alert (tenant, tool, rank, seq);

-- The alerts of each detector that found something, the strongest or not.
CREATE TABLE alert_detector (
  tenant TEXT NOT NULL,
  detector TEXT NOT NULL,
  rank INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  alert_id TEXT NOT NULL,
  PRIMARY KEY (tenant, detector, rank, seq, alert_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_group (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  overflow INTEGER NOT NULL DEFAULT 0,
  kind TEXT NOT NULL,
  key_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  rule TEXT NOT NULL,
  detector TEXT NOT NULL,
  others TEXT NOT NULL DEFAULT '[]',
  code TEXT NOT NULL,
  class TEXT NOT NULL,
  notify TEXT NOT NULL DEFAULT '[]',
  message TEXT NOT NULL,
  rank INTEGER NOT NULL,
  count INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  first_alert TEXT NOT NULL,
  last_alert TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX alert_group_fingerprint ON alert_group (tenant, fingerprint, last_seen);
CREATE INDEX alert_group_key ON alert_group (tenant, key_id, last_seen);
CREATE INDEX alert_group_order ON alert_group (tenant, last_seq, id);
CREATE INDEX alert_group_seen ON alert_group (tenant, last_seen);
CREATE INDEX alert_group_told ON alert_group (last_seen) WHERE notify != '[]';

-- Alerts from before there were groups: one group for each agent.
UPDATE alert SET group_id = 'before-' || m.first
  FROM (SELECT tenant, agent_id, min(seq) AS first FROM alert GROUP BY tenant, agent_id) m
  WHERE m.tenant = alert.tenant AND m.agent_id = alert.agent_id;
INSERT INTO alert_group (tenant, id, fingerprint, kind, key_id, agent_id, rule, detector, code,
  class, message, rank, count, first_seen, last_seen, first_alert, last_alert, last_seq)
  SELECT tenant, group_id, group_id, 'decision', '', agent_id, '', '', '', '', max(message),
  max(rank), count(*), min(created), max(created), min(id), max(id), max(seq)
  FROM alert GROUP BY tenant, group_id, agent_id;

-- What people did about a group. Kept apart from the groups, which are rebuilt from the journal.
CREATE TABLE alert_triage (
  tenant TEXT NOT NULL,
  group_id TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open',
  assignee TEXT NOT NULL DEFAULT '',
  version INTEGER NOT NULL DEFAULT 0,
  -- The last alert that the state is about.
  seen_seq INTEGER NOT NULL DEFAULT 0,
  at INTEGER,
  by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, group_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_note (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  group_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  what TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX alert_note_group ON alert_note (tenant, group_id, seq);

-- What of a group was sent to people.
CREATE TABLE alert_told (
  tenant TEXT NOT NULL,
  group_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  count INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  PRIMARY KEY (tenant, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_told_at ON alert_told (tenant, at);

CREATE TABLE mute (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  rule TEXT NOT NULL,
  detector TEXT NOT NULL,
  reason TEXT NOT NULL,
  by TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  ended INTEGER,
  ended_by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX mute_order ON mute (tenant, created);
CREATE INDEX mute_live ON mute (tenant, expires) WHERE ended IS NULL;

CREATE TABLE tool_stop (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  tool TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  by TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER,
  ended INTEGER,
  ended_by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX tool_stop_live ON tool_stop (tenant, created) WHERE ended IS NULL;
CREATE INDEX tool_stop_order ON tool_stop (tenant, created);

-- Automatic responses, made from the journal.
CREATE TABLE response (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  rule TEXT NOT NULL,
  subject TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  action TEXT NOT NULL,
  last INTEGER NOT NULL,
  dry_run INTEGER NOT NULL,
  capped INTEGER NOT NULL,
  alerts TEXT NOT NULL,
  at INTEGER NOT NULL,
  -- The state in which it is carried out; NULL once it ended.
  open INTEGER,
  result TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  ended INTEGER,
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX response_order ON response (tenant, seq);
CREATE INDEX response_subject ON response (tenant, rule, subject, at);
CREATE INDEX response_open ON response (tenant, seq) WHERE open IS NOT NULL;

-- Up to which alert the rules of responses have looked; never goes back.
CREATE TABLE response_mark (
  tenant TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
