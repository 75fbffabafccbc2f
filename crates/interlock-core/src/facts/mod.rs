//! Facts: typed values computed once per action, so that rules speak of what an action does and
//! not of how it is spelt.
//!
//! Every group is total: it is there with neutral values plus `present` and `parsed`. A text that
//! should parse and does not takes the dangerous value, never the neutral one.

pub mod action;
pub mod data;
pub mod http;
mod measure;
pub mod money;
pub mod path;
pub mod resource;
pub mod shell;
pub mod sql;
mod table;
pub mod url;
mod words;

pub use table::{FactRef, FactSlot, FactSpec, FactType, set_insert};
pub(crate) use table::{FactVisitor, fact_group};

use crate::model::{Action, Principal, UnixNanos};

macro_rules! fact_groups {
    ($($(#[$doc:meta])* $variant:ident $field:ident: $ty:ty,)*) => {
        /// A group of facts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum FactGroup { $($(#[$doc])* $variant,)* }

        impl FactGroup {
            /// All groups.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The group's name in policies: `facts.<name>.…`; empty for the facts that stand
            /// directly under `facts`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => group_name(stringify!($field)),)* }
            }

            /// The facts of the group.
            #[must_use]
            pub const fn specs(self) -> &'static [FactSpec] {
                match self { $(Self::$variant => <$ty>::SPECS,)* }
            }
        }

        /// All facts of one action.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct Facts { $($(#[$doc])* pub $field: $ty,)* }

        impl Facts {
            /// The value of a fact.
            #[must_use]
            pub fn get(&self, id: FactId) -> Option<FactRef<'_>> {
                match id.group { $(FactGroup::$variant => self.$field.get(id.index),)* }
            }

            /// Shows every group with its facts, in order.
            pub(crate) fn visit(&self, visitor: &mut impl FactVisitor) {
                $(
                    visitor.begin(FactGroup::$variant);
                    self.$field.each(|spec, value| visitor.fact(spec, value));
                    visitor.end();
                )*
            }

            /// Sets a fact to what a record says; `false` when there is no such fact in the
            /// group, or it is of another type.
            pub fn set(&mut self, group: FactGroup, name: &str, value: &crate::model::Value) -> bool {
                match group { $(FactGroup::$variant => self.$field.set(name, value),)* }
            }
        }
    };
}

const fn group_name(field: &'static str) -> &'static str {
    // `action` holds what stands directly under `facts`: `facts.outbound`.
    if matches!(field.as_bytes(), b"action") {
        ""
    } else {
        field
    }
}

fact_groups! {
    /// What the action does as a whole; stands directly under `facts`.
    Action action: action::ActionFacts,
    /// The one name of what is acted on.
    Resource resource: resource::ResourceFacts,
    /// What a SQL text does.
    Sql sql: sql::SqlFacts,
    /// What a shell command does.
    Shell shell: shell::ShellFacts,
    /// Which path.
    Path path: path::PathFacts,
    /// Which URL and host.
    Url url: url::UrlFacts,
    /// Which HTTP request.
    Http http: http::HttpFacts,
    /// How much money.
    Money money: money::MoneyFacts,
    /// Which classes of data.
    Data data: data::DataFacts,
}

/// Names one fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FactId {
    /// The group.
    pub group: FactGroup,
    /// The position in [`FactGroup::specs`].
    pub index: u8,
}

impl FactId {
    /// The fact called `group.name`; `group` is empty for the facts directly under `facts`.
    #[must_use]
    pub fn find(group: &str, name: &str) -> Option<Self> {
        let group = *FactGroup::ALL.iter().find(|g| g.name() == group)?;
        let index = group.specs().iter().position(|s| s.name == name)?;
        Some(Self {
            group,
            index: u8::try_from(index).ok()?,
        })
    }

    /// Its specification.
    #[must_use]
    pub fn spec(self) -> Option<&'static FactSpec> {
        self.group.specs().get(usize::from(self.index))
    }
}

/// What facts are computed from.
#[derive(Debug, Clone, Copy)]
pub struct FactInput<'a> {
    /// The action.
    pub action: &'a Action,
    /// Who asks.
    pub principal: &'a Principal,
    /// The classification of resources and hosts in force.
    pub classes: &'a crate::program::Classification,
    /// The engine's clock.
    pub now: UnixNanos,
}

impl Facts {
    /// Computes every group. Each group looks at its own trigger first and costs next to nothing
    /// where it does not apply.
    #[must_use]
    pub fn compute(input: FactInput<'_>) -> Self {
        let shell = shell::ShellFacts::compute(input);
        let mut facts = Self {
            sql: sql::SqlFacts::compute(input),
            path: path::PathFacts::compute(input, &shell),
            url: url::UrlFacts::compute(input, &shell),
            shell,
            money: money::MoneyFacts::compute(input),
            ..Self::default()
        };
        facts.http = http::HttpFacts::compute(input, &facts.url);
        facts.resource = resource::ResourceFacts::compute(input, &facts);
        facts.data = data::DataFacts::compute(input, &facts);
        facts.action = action::ActionFacts::compute(input, &facts);
        facts
    }
}
