-- Of a person who signs in at a provider, whether the provider's groups say what the person may do.
ALTER TABLE app_user ADD COLUMN mapped INTEGER NOT NULL DEFAULT 0 CHECK (mapped IN (0, 1));

-- Sign-ins at a provider whose answer was taken, until it would have been too late anyway: none is taken
-- twice, by no process.
CREATE TABLE taken_sign_in (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX taken_sign_in_expires ON taken_sign_in (expires);
