//! The fact tables: one macro gives a group its struct, its ids, its schema and its documentation.

use crate::model::Value;

/// The type of a fact, as policies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FactType {
    /// A boolean.
    Bool,
    /// A 64-bit integer.
    Long,
    /// A string.
    String,
    /// A set of strings.
    Strings,
}

/// The value of a fact, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactRef<'a> {
    /// A boolean.
    Bool(bool),
    /// A 64-bit integer.
    Long(i64),
    /// A string.
    String(&'a str),
    /// A set of strings: sorted, unique.
    Strings(&'a [String]),
}

/// A Rust type that can be a fact.
pub trait FactSlot: Sized {
    /// Its type in policies.
    const TYPE: FactType;
    /// Its value.
    fn as_fact(&self) -> FactRef<'_>;
    /// The value as a record carries it; `None` when it is of another type.
    fn from_recorded(value: &Value) -> Option<Self>;
}

impl FactSlot for bool {
    const TYPE: FactType = FactType::Bool;
    fn as_fact(&self) -> FactRef<'_> {
        FactRef::Bool(*self)
    }
    fn from_recorded(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }
}

impl FactSlot for i64 {
    const TYPE: FactType = FactType::Long;
    fn as_fact(&self) -> FactRef<'_> {
        FactRef::Long(*self)
    }
    fn from_recorded(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}

impl FactSlot for String {
    const TYPE: FactType = FactType::String;
    fn as_fact(&self) -> FactRef<'_> {
        FactRef::String(self)
    }
    fn from_recorded(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl FactSlot for Vec<String> {
    const TYPE: FactType = FactType::Strings;
    fn as_fact(&self) -> FactRef<'_> {
        FactRef::Strings(self)
    }
    fn from_recorded(value: &Value) -> Option<Self> {
        let mut set = Self::new();
        for item in value.as_array()? {
            set_insert(&mut set, item.as_str()?);
        }
        Some(set)
    }
}

/// One line of a fact table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactSpec {
    /// The name within its group.
    pub name: &'static str,
    /// The name as the key of a JSON member, with its quotes and colon.
    pub(crate) key: &'static str,
    /// Its type.
    pub kind: FactType,
    /// What it means, with its unit.
    pub doc: &'static str,
}

/// What is shown the facts of an action, group by group.
pub(crate) trait FactVisitor {
    /// The facts of `group` follow.
    fn begin(&mut self, group: super::FactGroup);
    /// One fact.
    fn fact(&mut self, spec: &'static FactSpec, value: FactRef<'_>);
    /// The group is complete.
    fn end(&mut self);
}

/// Adds `item` to a sorted set of strings.
pub fn set_insert(set: &mut Vec<String>, item: &str) {
    if let Err(at) = set.binary_search_by(|have| have.as_str().cmp(item)) {
        set.insert(at, item.to_owned());
    }
}

/// Defines a group of facts: a struct with one public field per fact, `SPECS` in field order,
/// `get(index)` and `set(name)`.
macro_rules! fact_group {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $name { $($(#[doc = $doc])* pub $field: $ty,)* }

        impl $name {
            /// The facts of this group in field order.
            pub const SPECS: &'static [$crate::facts::FactSpec] = &[
                $($crate::facts::FactSpec {
                    name: stringify!($field),
                    key: concat!("\"", stringify!($field), "\":"),
                    kind: <$ty as $crate::facts::FactSlot>::TYPE,
                    doc: concat!($($doc),*),
                },)*
            ];

            /// The fact at `index` of [`Self::SPECS`].
            #[must_use]
            pub fn get(&self, index: u8) -> Option<$crate::facts::FactRef<'_>> {
                let mut at = 0u8;
                $(
                    if index == at {
                        return Some($crate::facts::FactSlot::as_fact(&self.$field));
                    }
                    at += 1;
                )*
                let _ = at;
                None
            }

            /// Calls `f` with every fact in field order.
            pub(crate) fn each(
                &self,
                mut f: impl FnMut(&'static $crate::facts::FactSpec, $crate::facts::FactRef<'_>),
            ) {
                let mut specs = Self::SPECS.iter();
                $(
                    if let Some(spec) = specs.next() {
                        f(spec, $crate::facts::FactSlot::as_fact(&self.$field));
                    }
                )*
            }

            /// Sets the fact called `name` to what a record or a test says; `false` when there is
            /// no such fact, or it is of another type.
            pub fn set(&mut self, name: &str, value: &$crate::model::Value) -> bool {
                match name {
                    $(stringify!($field) => {
                        if let Some(value) = $crate::facts::FactSlot::from_recorded(value) {
                            self.$field = value;
                            return true;
                        }
                        false
                    })*
                    _ => false,
                }
            }
        }
    };
}

pub(crate) use fact_group;
