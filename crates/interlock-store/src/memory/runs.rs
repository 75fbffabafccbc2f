//! Runs: the actions of one run together.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::model::Effect;

use super::{MemoryStore, Result};
use crate::model::{ActionRow, Cursor, RunRow, check_page};

fn together(run_id: &str, actions: &[&ActionRow]) -> Option<RunRow> {
    let (first, last) = (actions.first()?, actions.last()?);
    let count =
        |keep: fn(&ActionRow) -> bool| actions.iter().filter(|row| keep(row)).count() as u64;
    let agents: BTreeSet<&str> = actions.iter().map(|row| row.agent_id.as_str()).collect();
    Some(RunRow {
        run_id: run_id.to_owned(),
        agent_id: first.agent_id.clone(),
        agents: agents.len() as u64,
        first_seq: first.seq,
        last_seq: last.seq,
        started: actions.iter().map(|row| row.at).min()?,
        last: actions.iter().map(|row| row.at).max()?,
        actions: actions.len() as u64,
        flagged: count(|row| row.flagged),
        blocked: count(|row| row.effect == Effect::Block),
        held: count(|row| row.effect == Effect::RequireApproval),
        risk_max: actions.iter().map(|row| row.risk).max()?,
    })
}

impl MemoryStore {
    pub(super) fn page_of_runs(
        &self,
        tenant: &str,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<RunRow>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut runs: BTreeMap<&str, Vec<&ActionRow>> = BTreeMap::new();
        let place = |seq| (tenant.to_owned(), seq);
        for (_, row) in tables.actions.range(place(0)..=place(u64::MAX)) {
            if !row.run_id.is_empty() {
                runs.entry(&row.run_id).or_default().push(row);
            }
        }
        let mut page: Vec<RunRow> = runs
            .iter()
            .filter_map(|(run_id, actions)| together(run_id, actions))
            .filter(|run| before.is_none_or(|cursor| run.last_seq < cursor.0))
            .collect();
        page.sort_by_key(|run| std::cmp::Reverse(run.last_seq));
        page.truncate(limit);
        Ok(page)
    }
}
