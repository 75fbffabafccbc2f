//! What a search asks, what it answers, and rows as filters see them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use interlock_core::approval::Vote;
use interlock_core::model::UnixNanos;
use interlock_filter::{Filter, Number, Record, fold};

use crate::error::StoreError;
use crate::model::{ActionRow, Alert, ApprovalRow, Cursor, PAGE_ROWS_MAX, RunRow};

type Result<T> = std::result::Result<T, StoreError>;

/// Answers of people that a search for approvers looks through.
const ANSWERS_MAX: usize = 200_000;

/// A search.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// What is looked for.
    pub terms: &'a Filter,
    /// What time it is, for spans back from now.
    pub now: UnixNanos,
    /// How long to look; a search that has looked so long answers what it has found.
    pub budget: Duration,
}

/// A page of what a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C = Cursor> {
    /// What was found, in the order of the list.
    pub rows: Vec<T>,
    /// Where to go on; `None` when everything was looked at.
    pub next: Option<C>,
    /// How far was looked, when the time was over before the page was full.
    pub searched_to: Option<UnixNanos>,
}

impl<T, C> Default for Page<T, C> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            next: None,
            searched_to: None,
        }
    }
}

/// Looks through a list page by page, until so many rows are found, the list is at its end or the
/// time is over.
///
/// `read` reads a page of at most [`PAGE_ROWS_MAX`] rows from a place on; `place` tells the place of
/// a row and its time.
///
/// # Errors
/// What `read` returns.
pub fn sift<T, C: Clone, E>(
    from: Option<C>,
    limit: usize,
    budget: Duration,
    mut read: impl FnMut(Option<&C>) -> std::result::Result<Vec<T>, E>,
    place: impl Fn(&T) -> (C, UnixNanos),
    keep: impl Fn(&T) -> bool,
) -> std::result::Result<Page<T, C>, E> {
    let started = Instant::now();
    let mut page = Page::default();
    let mut from = from;
    loop {
        let rows = read(from.as_ref())?;
        let over = rows.len() < PAGE_ROWS_MAX;
        let mut last = None;
        for row in rows {
            let here = place(&row);
            if keep(&row) {
                page.rows.push(row);
                if page.rows.len() == limit {
                    page.next = Some(here.0);
                    return Ok(page);
                }
            }
            last = Some(here);
        }
        let Some((here, when)) = last.filter(|_| !over) else {
            return Ok(page);
        };
        from = Some(here);
        if started.elapsed() >= budget {
            page.next = from;
            page.searched_to = Some(when);
            return Ok(page);
        }
    }
}

/// Who answered which approval.
#[derive(Debug, Default)]
pub(crate) struct Approvers {
    of: HashMap<String, Vec<String>>,
    count: usize,
}

impl Approvers {
    /// Notes one answer.
    pub(crate) fn add(&mut self, approval: &str, approver: &str) -> Result<()> {
        if self.count == ANSWERS_MAX {
            return Err(StoreError::invalid(
                "approver",
                format!(
                    "more than {ANSWERS_MAX} answers would be looked through; look for approvals instead"
                ),
            ));
        }
        self.count += 1;
        let of = self.of.entry(fold(approval)).or_default();
        of.push(fold(approver));
        Ok(())
    }

    /// Who answered an approval of this folded id, folded.
    pub(crate) fn of(&self, approval: &str) -> &[String] {
        self.of.get(approval).map_or(&[], Vec::as_slice)
    }
}

/// An action as a filter sees it.
pub(crate) struct Searched<'a>(pub(crate) &'a ActionRow, pub(crate) &'a Approvers);

impl Record for Searched<'_> {
    fn texts(&self, field: &str, see: &mut dyn FnMut(&str)) {
        let (row, facets) = (self.0, &self.0.facets);
        let one = match field {
            "agent" => &row.agent_id,
            "tool" => &row.tool,
            "type" => &row.action_type,
            "resource" => &row.resource,
            "session" => &row.session_id,
            "run" => &row.run_id,
            "env" => &facets.environment,
            "reason" => &row.reason,
            "source" => &row.source,
            "rule" => return facets.rules.iter().for_each(|text| see(text)),
            "detector" => return facets.findings.iter().for_each(|text| see(text)),
            "asi" => return facets.asi.iter().for_each(|text| see(text)),
            "approver" => {
                let approvers = self.1.of(&fold(&facets.approval));
                return approvers.iter().for_each(|text| see(text));
            }
            _ => return,
        };
        see(one);
    }

    fn number(&self, field: &str) -> Option<Number> {
        let outcome = self.0.outcome.as_ref();
        match field {
            "risk" => Some(Number::whole(self.0.risk.into())),
            "step" => self.0.step.map(Number::whole),
            "cost" => outcome?.cost_nano_usd.map(Number),
            "latency" => outcome?.latency_ms.map(Number::whole),
            _ => None,
        }
    }

    fn name(&self, field: &str, name: &str) -> bool {
        let (row, facets) = (self.0, &self.0.facets);
        match (field, name) {
            ("decision", _) => row.effect.name() == name,
            ("outcome", _) => row.outcome.as_ref().is_some_and(|o| o.status == name),
            ("is", "flagged") => row.flagged,
            ("is", "rolled_back") => row.rollback.is_some(),
            ("is", "erased") => row.erased,
            ("is", "degraded") => facets.degraded,
            ("is", "reported") => row.claimed.is_some(),
            ("has", "approval") => !facets.approval.is_empty(),
            ("has", "finding") => !facets.findings.is_empty(),
            ("has", "rule") => !facets.rules.is_empty(),
            ("has", "outcome") => row.outcome.is_some(),
            _ => false,
        }
    }

    fn at(&self) -> i64 {
        self.0.at
    }
}

fn counted(n: u64) -> Option<Number> {
    Some(Number::whole(i64::try_from(n).unwrap_or(i64::MAX)))
}

impl Record for RunRow {
    fn texts(&self, field: &str, see: &mut dyn FnMut(&str)) {
        match field {
            "run" => see(&self.run_id),
            "agent" => see(&self.agent_id),
            _ => {}
        }
    }

    fn number(&self, field: &str) -> Option<Number> {
        match field {
            "actions" => counted(self.actions),
            "blocked" => counted(self.blocked),
            "held" => counted(self.held),
            "flagged" => counted(self.flagged),
            "agents" => counted(self.agents),
            "risk" => counted(self.risk_max.into()),
            _ => None,
        }
    }

    fn name(&self, _field: &str, _name: &str) -> bool {
        false
    }

    fn at(&self) -> i64 {
        self.last
    }
}

impl Record for Alert {
    fn texts(&self, field: &str, see: &mut dyn FnMut(&str)) {
        match field {
            "agent" => see(&self.row.agent_id),
            "message" => see(&self.row.message),
            "action" => see(self.row.action_id.as_deref().unwrap_or_default()),
            _ => {}
        }
    }

    fn number(&self, _field: &str) -> Option<Number> {
        None
    }

    fn name(&self, field: &str, name: &str) -> bool {
        match field {
            "level" => self.row.level == name,
            _ => self.acknowledged.is_some() == (name == "acknowledged"),
        }
    }

    fn at(&self) -> i64 {
        self.row.created
    }
}

impl Record for ApprovalRow {
    fn texts(&self, field: &str, see: &mut dyn FnMut(&str)) {
        let asked = &self.asked;
        match field {
            "agent" => see(&asked.agent_id),
            "type" => see(&asked.action_type),
            "tool" => see(&asked.tool),
            "resource" => see(&asked.resource),
            "run" => see(&asked.run_id),
            "session" => see(&asked.session_id),
            "group" => see(&asked.group),
            "reason" => see(&asked.reason),
            "approver" => {
                let votes: &[Vote] = &self.approval.votes;
                votes.iter().for_each(|vote| see(&vote.approver));
            }
            _ => {}
        }
    }

    fn number(&self, field: &str) -> Option<Number> {
        (field == "risk").then(|| Number::whole(self.asked.risk.into()))
    }

    fn name(&self, _field: &str, _name: &str) -> bool {
        false
    }

    fn at(&self) -> i64 {
        self.approval.requested_at
    }
}
