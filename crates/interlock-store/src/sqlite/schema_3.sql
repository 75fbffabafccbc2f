-- Which key of the vault seals the content of an action, and whether that key was erased.
ALTER TABLE action ADD COLUMN vault_key INTEGER;
ALTER TABLE action ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
CREATE INDEX action_vault_key ON action (tenant, vault_key) WHERE vault_key IS NOT NULL;
