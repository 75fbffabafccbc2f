-- Of a person who signs in at a provider, whether the provider's groups say what the person may do.
ALTER TABLE app_user ADD COLUMN mapped INTEGER NOT NULL DEFAULT 0 CHECK (mapped IN (0, 1));

-- Sign-ins at a provider whose answer was taken, until it would have been too late anyway: none is taken
-- twice, by no process.
CREATE TABLE taken_sign_in (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX taken_sign_in_expires ON taken_sign_in (expires);

-- Whether it was the provider that disabled the person, by having no group of the person's any more: it
-- enables again, as nobody else does by signing in.
ALTER TABLE app_user ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1));

-- Whether an invitation is good by its link only, and not by the word of a provider.
ALTER TABLE invitation ADD COLUMN by_link INTEGER NOT NULL DEFAULT 0 CHECK (by_link IN (0, 1));
