//! The fact tables: one macro gives a group its struct, its ids, its schema and its documentation.

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
pub trait FactSlot {
    /// Its type in policies.
    const TYPE: FactType;
    /// Its value.
    fn as_fact(&self) -> FactRef<'_>;
}

impl FactSlot for bool {
    const TYPE: FactType = FactType::Bool;
    fn as_fact(&self) -> FactRef<'_> {
        FactRef::Bool(*self)
    }
}

impl FactSlot for i64 {
    const TYPE: FactType = FactType::Long;
    fn as_fact(&self) -> FactRef<'_> {
        FactRef::Long(*self)
    }
}

impl FactSlot for String {
    const TYPE: FactType = FactType::String;
    fn as_fact(&self) -> FactRef<'_> {
        FactRef::String(self)
    }
}

impl FactSlot for Vec<String> {
    const TYPE: FactType = FactType::Strings;
    fn as_fact(&self) -> FactRef<'_> {
        FactRef::Strings(self)
    }
}

/// One line of a fact table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactSpec {
    /// The name within its group.
    pub name: &'static str,
    /// Its type.
    pub kind: FactType,
    /// What it means, with its unit.
    pub doc: &'static str,
}

/// Adds `item` to a sorted set of strings.
pub fn set_insert(set: &mut Vec<String>, item: &str) {
    if let Err(at) = set.binary_search_by(|have| have.as_str().cmp(item)) {
        set.insert(at, item.to_owned());
    }
}

/// Defines a group of facts: a struct with one public field per fact, `SPECS` in field order and
/// `get(index)`.
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
        }
    };
}

pub(crate) use fact_group;
