-- A key that was rotated has two secrets for a while; one may belong to a user.
ALTER TABLE api_key ADD COLUMN previous_hash BLOB CHECK (previous_hash IS NULL OR length(previous_hash) = 32);
ALTER TABLE api_key ADD COLUMN previous_until INTEGER;
ALTER TABLE api_key ADD COLUMN user_id TEXT;

CREATE TABLE app_user (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  -- Unique on the whole server: it says which tenant signs in.
  login TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  member_of TEXT NOT NULL,
  disabled INTEGER,
  created INTEGER NOT NULL,
  last_login INTEGER,
  -- Of a local account; NULL until an invitation was taken up.
  password TEXT,
  -- Sealed under a key that is not in this file.
  totp BLOB,
  -- The last time step whose code was used.
  totp_step INTEGER NOT NULL DEFAULT 0,
  -- Of an account that another provider vouches for.
  issuer TEXT,
  subject TEXT,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX app_user_subject ON app_user (tenant, issuer, subject) WHERE subject IS NOT NULL;

CREATE TABLE recovery_code (
  tenant TEXT NOT NULL,
  user_id TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (tenant, user_id, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE invitation (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  tenant TEXT NOT NULL,
  user_id TEXT NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invitation_user ON invitation (tenant, user_id);

CREATE TABLE user_session (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  user_id TEXT NOT NULL,
  method TEXT NOT NULL,
  address TEXT NOT NULL,
  agent TEXT NOT NULL,
  created INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX user_session_user ON user_session (tenant, user_id, created);
