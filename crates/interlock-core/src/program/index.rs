//! Which rules can match an action at all.
//!
//! Rules are sliced by action type; within a slice each rule is filed under the most selective
//! thing that its selectors pin down: an exact tool, the literal beginning of a resource, an exact
//! agent. What an action costs grows with the rules filed where it looks, not with the program.

use crate::model::ActionType;
use crate::program::glob::Glob;
use crate::program::rule::{Rule, Select};

/// The slice of rules that select custom types.
const CUSTOM: usize = ActionType::LISTED.len();

/// The index of one program.
#[derive(Debug, Clone, Default)]
pub(super) struct RuleIndex {
    /// Rules that name no action type.
    any: Slice,
    /// Rules by [`ActionType::index`].
    by_type: Vec<Slice>,
}

/// What the index looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub(super) action_type: &'a ActionType,
    pub(super) tool: &'a str,
    pub(super) agent: &'a str,
    pub(super) resource: &'a str,
    pub(super) names: &'a [String],
    pub(super) name: &'a str,
}

#[derive(Debug, Clone, Default)]
struct Slice {
    tools: Texts,
    resources: Texts,
    agents: Texts,
    rest: Vec<u32>,
}

impl RuleIndex {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut index = Self {
            any: Slice::default(),
            by_type: vec![Slice::default(); CUSTOM + 1],
        };
        for (number, rule) in (0u32..).zip(rules) {
            if rule.select.actions.is_empty() || rule.select.actions.iter().any(Glob::is_any) {
                index.any.file(number, &rule.select);
                continue;
            }
            for (at, slice) in index.by_type.iter_mut().enumerate() {
                let may_select = match ActionType::LISTED.get(at) {
                    Some(name) => rule.select.actions.iter().any(|g| g.matches(name)),
                    // A custom type has any name that is not listed.
                    None => rule.select.actions.iter().any(|g| {
                        g.literal()
                            .is_none_or(|name| !ActionType::LISTED.contains(&name))
                    }),
                };
                if may_select {
                    slice.file(number, &rule.select);
                }
            }
        }
        index.any.finish();
        index.by_type.iter_mut().for_each(Slice::finish);
        index
    }

    /// The rules that may select the action, ascending, each once.
    pub(super) fn candidates(&self, look: &Lookup<'_>, out: &mut Vec<u32>) {
        self.any.candidates(look, out);
        if let Some(slice) = self.by_type.get(look.action_type.index()) {
            slice.candidates(look, out);
        }
        out.sort_unstable();
        out.dedup();
    }
}

impl Slice {
    fn file(&mut self, rule: u32, select: &Select) {
        let exact =
            |globs: &[Glob]| !globs.is_empty() && globs.iter().all(|g| g.literal().is_some());
        if exact(&select.tools) {
            self.tools.add(rule, &select.tools);
        } else if !select.resources.is_empty()
            && select.resources.iter().all(|g| !g.prefix().is_empty())
        {
            self.resources.add(rule, &select.resources);
        } else if exact(&select.agents) {
            self.agents.add(rule, &select.agents);
        } else {
            self.rest.push(rule);
        }
    }

    fn finish(&mut self) {
        self.tools.finish();
        self.resources.finish();
        self.agents.finish();
    }

    fn candidates(&self, look: &Lookup<'_>, out: &mut Vec<u32>) {
        out.extend_from_slice(&self.rest);
        if !self.tools.is_empty() {
            self.tools.equal_to(look.tool, out);
        }
        if !self.agents.is_empty() {
            self.agents.equal_to(look.agent, out);
        }
        if !self.resources.is_empty() {
            self.resources.beginning(look.resource, out);
            if look.name != look.resource {
                self.resources.beginning(look.name, out);
            }
            for name in look.names {
                if name != look.name && name != look.resource {
                    self.resources.beginning(name, out);
                }
            }
        }
    }
}

/// Texts with the rules filed under them, sorted, each with a link to the longest other text that
/// it begins with.
#[derive(Debug, Clone, Default)]
struct Texts {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    text: Box<str>,
    shorter: Option<usize>,
    rules: Vec<u32>,
}

impl Texts {
    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn add(&mut self, rule: u32, globs: &[Glob]) {
        for glob in globs {
            self.entries.push(Entry {
                text: glob.prefix().into(),
                shorter: None,
                rules: vec![rule],
            });
        }
    }

    fn finish(&mut self) {
        self.entries.sort_by(|a, b| a.text.cmp(&b.text));
        self.entries.dedup_by(|later, kept| {
            let same = later.text == kept.text;
            if same {
                kept.rules.append(&mut later.rules);
            }
            same
        });
        let mut open: Vec<usize> = Vec::new();
        for at in 0..self.entries.len() {
            let Some(text) = self.entries.get(at).map(|e| e.text.clone()) else {
                continue;
            };
            while let Some(top) = open.last()
                && !self
                    .entries
                    .get(*top)
                    .is_some_and(|e| text.starts_with(&*e.text))
            {
                open.pop();
            }
            if let Some(entry) = self.entries.get_mut(at) {
                entry.shorter = open.last().copied();
            }
            open.push(at);
        }
    }

    fn equal_to(&self, text: &str, out: &mut Vec<u32>) {
        if let Ok(at) = self.entries.binary_search_by(|e| (*e.text).cmp(text))
            && let Some(entry) = self.entries.get(at)
        {
            out.extend_from_slice(&entry.rules);
        }
    }

    /// The rules filed under every text that `name` begins with.
    ///
    /// Such a text sorts at or before `name`; whatever sorts between the two begins with it too.
    /// So each of them is the last entry at or before `name`, or on its chain of shorter texts.
    fn beginning(&self, name: &str, out: &mut Vec<u32>) {
        let after = self.entries.partition_point(|e| *e.text <= *name);
        let mut at = after.checked_sub(1);
        while let Some(entry) = at.and_then(|at| self.entries.get(at)) {
            if name.starts_with(&*entry.text) {
                out.extend_from_slice(&entry.rules);
            }
            at = entry.shorter;
        }
    }
}
