//! Kill switch, settings and epochs.

use rusqlite::params;

use super::rows::{get, one, raise_epoch, unsigned};
use super::{Result, SqliteStore};
use crate::model::{
    Epochs, KillSwitch, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, SETTING_BYTES_MAX, check_id, check_len,
};
use crate::traits::SettingStore;

impl SettingStore for SqliteStore {
    fn kill_switch(&self, tenant: &str) -> Result<KillSwitch> {
        Ok(one(
            &self.reader(),
            "SELECT * FROM tenant WHERE tenant = ?1",
            params![tenant],
            |row| {
                Ok(KillSwitch {
                    on: get(row, "kill_on")?,
                    reason: get(row, "kill_reason")?,
                    by: get(row, "kill_by")?,
                    at: get(row, "kill_at")?,
                })
            },
        )?
        .unwrap_or_default())
    }

    fn set_kill_switch(&self, tenant: &str, switch: &KillSwitch) -> Result<()> {
        check_len("reason", &switch.reason, MESSAGE_BYTES_MAX)?;
        check_len("by", &switch.by, NAME_BYTES_MAX)?;
        self.write(|tx| {
            raise_epoch(tx, tenant, "control_epoch")?;
            tx.prepare_cached(
                "UPDATE tenant SET kill_on = ?2, kill_reason = ?3, kill_by = ?4, kill_at = ?5
                 WHERE tenant = ?1",
            )?
            .execute(params![
                tenant,
                switch.on,
                switch.reason,
                switch.by,
                switch.at
            ])?;
            Ok(())
        })
    }

    fn setting(&self, tenant: &str, name: &str) -> Result<Option<String>> {
        one(
            &self.reader(),
            "SELECT value FROM setting WHERE tenant = ?1 AND name = ?2",
            params![tenant, name],
            |row| get(row, "value"),
        )
    }

    fn set_setting(&self, tenant: &str, name: &str, value: Option<&str>) -> Result<()> {
        check_id("name", name)?;
        check_len("value", value.unwrap_or_default(), SETTING_BYTES_MAX)?;
        self.write(|tx| {
            match value {
                Some(value) => tx
                    .prepare_cached(
                        "INSERT INTO setting (tenant, name, value) VALUES (?1, ?2, ?3)
                         ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value",
                    )?
                    .execute(params![tenant, name, value])?,
                None => tx
                    .prepare_cached("DELETE FROM setting WHERE tenant = ?1 AND name = ?2")?
                    .execute(params![tenant, name])?,
            };
            raise_epoch(tx, tenant, "control_epoch")?;
            Ok(())
        })
    }

    fn epochs(&self, tenant: &str) -> Result<Epochs> {
        Ok(one(
            &self.reader(),
            "SELECT * FROM tenant WHERE tenant = ?1",
            params![tenant],
            |row| {
                Ok(Epochs {
                    policy: unsigned(row, "policy_epoch")?,
                    keys: unsigned(row, "key_epoch")?,
                    control: unsigned(row, "control_epoch")?,
                })
            },
        )?
        .unwrap_or_default())
    }
}
