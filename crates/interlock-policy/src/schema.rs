//! The Cedar schema of conditions, generated from the fact tables, so that a fact exists for
//! policies exactly when it exists in the core.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cedar_policy::{Schema, Validator};
use interlock_core::facts::{FactGroup, FactSpec, FactType};
use interlock_core::model::{ActionType, Vector};
use interlock_core::risk::Dimension;
use interlock_core::state::StateFacts;

/// Validators kept; a bundle rarely has more than a few dozen shapes of arguments.
const VALIDATORS_MAX: usize = 512;

/// Stands for every action that no condition names; no action has an upper-case type.
const OTHER: &str = "OTHER";

/// The type of an argument, inferred from its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ArgType {
    Bool,
    Long,
    String,
    Bools,
    Longs,
    Strings,
}

impl ArgType {
    pub(crate) const fn cedar(self) -> &'static str {
        match self {
            Self::Bool => "Bool",
            Self::Long => "Long",
            Self::String => "String",
            Self::Bools => "Set<Bool>",
            Self::Longs => "Set<Long>",
            Self::Strings => "Set<String>",
        }
    }
}

/// The arguments that one condition reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ArgTree {
    pub(crate) fields: BTreeMap<String, ArgNode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ArgNode {
    pub(crate) optional: bool,
    pub(crate) leaf: Option<ArgType>,
    pub(crate) record: ArgTree,
}

impl ArgTree {
    pub(crate) fn node(&mut self, path: &[Box<str>]) -> Option<&mut ArgNode> {
        let (last, parents) = path.split_last()?;
        let mut tree = self;
        for part in parents {
            tree = &mut tree.fields.entry(part.to_string()).or_default().record;
        }
        Some(tree.fields.entry(last.to_string()).or_default())
    }

    fn write(&self, out: &mut String) {
        out.push('{');
        for (name, node) in &self.fields {
            out.push('"');
            out.extend(name.escape_default());
            out.push_str(if node.optional { "\"?: " } else { "\": " });
            if node.record.fields.is_empty() {
                out.push_str(node.leaf.unwrap_or(ArgType::String).cedar());
            } else {
                node.record.write(out);
            }
            out.push_str(", ");
        }
        out.push('}');
    }
}

fn write_specs(out: &mut String, specs: &[FactSpec]) {
    for spec in specs {
        let kind = match spec.kind {
            FactType::Bool => "Bool",
            FactType::Long => "Long",
            FactType::String => "String",
            FactType::Strings => "Set<String>",
        };
        let _ = write!(out, "{}: {kind}, ", spec.name);
    }
}

/// The types of everything under `context` but the arguments.
fn write_types(out: &mut String) {
    out.push_str("entity Agent;\nentity Resource;\ntype Facts = {");
    for group in FactGroup::ALL {
        if group.name().is_empty() {
            write_specs(out, group.specs());
        } else {
            let _ = write!(out, "{}: {{", group.name());
            write_specs(out, group.specs());
            out.push_str("}, ");
        }
    }
    out.push_str("};\ntype Risk = {composite: Long, ");
    for dimension in Dimension::ALL {
        let _ = write!(out, "{}: Long, ", dimension.name());
    }
    out.push_str("};\ntype Findings = {");
    for vector in Vector::ALL {
        let _ = write!(out, "{}: Bool, ", vector.name());
    }
    out.push_str("confidence: {");
    for vector in Vector::ALL {
        let _ = write!(out, "{}: Long, ", vector.name());
    }
    out.push_str("}};\ntype State = {");
    write_specs(out, StateFacts::SPECS);
    out.push_str("};\n");
}

/// The schema's text for conditions that read these arguments and compare `action` with these
/// names; without names one action stands for all, which validates faster.
pub(crate) fn text(args: &ArgTree, actions: &[String]) -> String {
    let mut out = String::with_capacity(8 * 1024);
    write_types(&mut out);
    out.push_str("action ");
    if actions.is_empty() {
        out.push_str("\"custom\"");
    } else {
        for name in ActionType::LISTED {
            let _ = write!(out, "\"{name}\", ");
        }
        for name in actions {
            if name != OTHER && !ActionType::LISTED.contains(&name.as_str()) {
                out.push('"');
                out.extend(name.escape_default());
                out.push_str("\", ");
            }
        }
        let _ = write!(out, "\"{OTHER}\"");
    }
    out.push_str(
        " appliesTo { principal: [Agent], resource: [Resource], context: {\
         facts: Facts, risk: Risk, findings: Findings, state: State, args: ",
    );
    args.write(&mut out);
    out.push_str("} };\n");
    out
}

/// The schema that conditions without arguments are validated against, for documentation and
/// editors.
#[must_use]
pub fn cedar_schema() -> String {
    text(&ArgTree::default(), &[OTHER.to_owned()])
}

/// Validators by the text of their schema.
#[derive(Debug, Default)]
pub(crate) struct Validators {
    known: BTreeMap<String, Validator>,
}

impl Validators {
    /// # Errors
    /// When the generated schema is not one, which only an argument's name could cause.
    pub(crate) fn get(&mut self, schema: String) -> Result<&Validator, String> {
        if self.known.len() >= VALIDATORS_MAX && !self.known.contains_key(&schema) {
            self.known.clear();
        }
        match self.known.entry(schema) {
            std::collections::btree_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::btree_map::Entry::Vacant(free) => {
                let (parsed, _) =
                    Schema::from_cedarschema_str(free.key()).map_err(|e| e.to_string())?;
                Ok(free.insert(Validator::new(parsed)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_schema_is_one() {
        let mut args = ArgTree::default();
        let path: Vec<Box<str>> = vec!["customer".into(), "id \"x\"".into()];
        args.node(&path).unwrap().leaf = Some(ArgType::String);
        args.node(&path[..1]).unwrap().optional = true;
        for actions in [vec![], vec!["my-action".to_owned()]] {
            let schema = text(&args, &actions);
            let _ =
                Schema::from_cedarschema_str(&schema).unwrap_or_else(|e| panic!("{e}\n{schema}"));
        }
        let _ = Schema::from_cedarschema_str(&cedar_schema()).unwrap();
    }
}
