//! What a program reads, so that nothing is computed that nobody reads.

use crate::facts::FactGroup;
use crate::model::{Vector, VectorSet};
use crate::program::expr::Expr;
use crate::program::rule::Rule;

/// What conditions and selectors read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    groups: u32,
    /// Some condition reads the risk.
    pub risk: bool,
    /// Some condition reads the state.
    pub state: bool,
    /// Some condition or constraint reads the arguments.
    pub arguments: bool,
    /// The findings that conditions read.
    pub findings: VectorSet,
}

impl Needs {
    /// Whether a fact of `group` is read.
    #[must_use]
    pub fn reads(&self, group: FactGroup) -> bool {
        self.groups & (1 << group as u32) != 0
    }

    /// The fact groups that are read.
    pub fn groups(&self) -> impl Iterator<Item = FactGroup> {
        FactGroup::ALL.iter().copied().filter(|g| self.reads(*g))
    }

    fn add_group(&mut self, group: FactGroup) {
        self.groups |= 1 << group as u32;
    }

    pub(super) fn add_rule(&mut self, rule: &Rule) {
        if !rule.select.resources.is_empty() {
            self.add_group(FactGroup::Resource);
        }
        if let Some(when) = &rule.when {
            self.add_expr(when);
        }
        if let Some(require) = &rule.require {
            self.arguments |= !require.arguments.is_empty()
                || require.limits.iter().any(|limit| limit.per.is_some());
            self.state |= !require.limits.is_empty();
        }
    }

    /// Adds what `expr` reads. The caller has measured the expression's depth.
    pub(super) fn add_expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Fact(id) => self.add_group(id.group),
            Expr::Composite | Expr::Risk(_) => self.risk = true,
            Expr::Finding(vector) | Expr::Confidence(vector) => self.findings.insert(*vector),
            Expr::State(_) => self.state = true,
            Expr::Arg(_) | Expr::HasArg(_) => self.arguments = true,
            Expr::ResourceIs(_) => self.add_group(FactGroup::Resource),
            _ => each_operand(expr, &mut |operand| self.add_expr(operand)),
        }
    }

    /// Whether something is read that is not known before the state is reserved.
    pub(super) fn waits_for_state(&self) -> bool {
        self.risk || self.state || !self.findings.is_empty()
    }

    /// The vectors that are read, or those of content when none is.
    pub(super) fn redactable(&self) -> VectorSet {
        if self.findings.is_empty() {
            [Vector::Pii].into_iter().collect()
        } else {
            self.findings
        }
    }
}

/// Calls `visit` with each operand of `expr`, not with `expr` itself.
pub fn each_operand<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match expr {
        Expr::Bool(_)
        | Expr::Long(_)
        | Expr::Str(_)
        | Expr::Fact(_)
        | Expr::Composite
        | Expr::Risk(_)
        | Expr::Finding(_)
        | Expr::Confidence(_)
        | Expr::State(_)
        | Expr::Arg(_)
        | Expr::HasArg(_)
        | Expr::AgentIs(_)
        | Expr::ActionIs(_)
        | Expr::ResourceIs(_) => {}
        Expr::Set(elements) => elements.iter().for_each(visit),
        Expr::Not(a) | Expr::Neg(a) | Expr::IsEmpty(a) | Expr::Like(a, _) => visit(a),
        Expr::If(a, b, c) => {
            visit(a);
            visit(b);
            visit(c);
        }
        Expr::And(a, b)
        | Expr::Or(a, b)
        | Expr::Eq(a, b)
        | Expr::Less(a, b)
        | Expr::LessEq(a, b)
        | Expr::Add(a, b)
        | Expr::Sub(a, b)
        | Expr::Mul(a, b)
        | Expr::Contains(a, b)
        | Expr::ContainsAll(a, b)
        | Expr::ContainsAny(a, b) => {
            visit(a);
            visit(b);
        }
    }
}
