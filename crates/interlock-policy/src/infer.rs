//! The types of a condition's arguments, inferred from their uses.

use std::collections::BTreeMap;

use interlock_core::facts::FactType;
use interlock_core::program::expr::{ArgPath, Expr};
use interlock_core::state::StateFacts;

use crate::schema::{ArgTree, ArgType};

/// Two uses of one argument that do not go together.
#[derive(Debug)]
pub(crate) struct TypeClash {
    pub(crate) path: String,
    pub(crate) message: String,
}

/// The arguments of a condition.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) tree: ArgTree,
    pub(crate) unguarded: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    One(ArgType),
    /// A set whose elements are not known yet.
    SomeSet,
}

#[derive(Default)]
struct Inference {
    types: BTreeMap<ArgPath, ArgType>,
    sets: BTreeMap<ArgPath, ()>,
    used: BTreeMap<ArgPath, ()>,
    guarded: BTreeMap<ArgPath, ()>,
    clash: Option<TypeClash>,
}

/// Infers the type of each argument from its uses.
pub(crate) fn infer(expr: &Expr) -> Result<Arguments, TypeClash> {
    let mut inference = Inference::default();
    // `args.a == args.b && args.b == 1` needs a second look; each look fixes one more at least.
    for _ in 0..4 {
        let before = inference.types.len();
        inference.visit(expr, Some(Type::One(ArgType::Bool)));
        if inference.clash.is_some() || inference.types.len() == before {
            break;
        }
    }
    if let Some(clash) = inference.clash {
        return Err(clash);
    }
    let mut tree = ArgTree::default();
    for path in inference.used.keys().chain(inference.guarded.keys()) {
        let leaf = inference.types.get(path).copied().or_else(|| {
            inference
                .sets
                .contains_key(path)
                .then_some(ArgType::Strings)
        });
        if let Some(node) = tree.node(path) {
            node.leaf = node.leaf.or(leaf);
        }
    }
    for path in inference.guarded.keys() {
        for length in 1..=path.len() {
            if let Some(node) = path.get(..length).and_then(|p| tree.node(p)) {
                node.optional = true;
            }
        }
    }
    for path in inference.types.keys().chain(inference.sets.keys()) {
        if tree.node(path).is_some_and(|n| !n.record.fields.is_empty()) {
            let path = format!("args.{}", path.join("."));
            return Err(TypeClash {
                message: format!("`{path}` is used both as a value and as a record"),
                path,
            });
        }
    }
    let unguarded = inference
        .used
        .keys()
        .filter(|path| {
            !inference
                .guarded
                .keys()
                .any(|g| g.starts_with(path) || path.starts_with(g))
        })
        .map(|path| format!("args.{}", path.join(".")))
        .collect();
    Ok(Arguments { tree, unguarded })
}

impl Inference {
    fn visit(&mut self, expr: &Expr, expected: Option<Type>) -> Option<Type> {
        use ArgType::{Bool, Bools, Long, Longs, String, Strings};
        let bool = Some(Type::One(Bool));
        let long = Some(Type::One(Long));
        match expr {
            Expr::Bool(_)
            | Expr::Finding(_)
            | Expr::AgentIs(_)
            | Expr::ActionIs(_)
            | Expr::ResourceIs(_) => bool,
            Expr::Long(_) | Expr::Composite | Expr::Risk(_) | Expr::Confidence(_) => long,
            Expr::Str(_) => Some(Type::One(String)),
            Expr::Fact(id) => id.spec().map(|s| fact_type(s.kind)),
            Expr::State(at) => StateFacts::SPECS
                .get(usize::from(*at))
                .map(|s| fact_type(s.kind)),
            Expr::HasArg(path) => {
                self.guarded.insert(path.clone(), ());
                bool
            }
            Expr::Arg(path) => self.argument(path, expected),
            Expr::Set(items) => {
                let mut element = None;
                for item in items {
                    element = element.or(self.visit(item, None));
                }
                for item in items {
                    self.visit(item, element);
                }
                Some(match element {
                    Some(Type::One(Bool)) => Type::One(Bools),
                    Some(Type::One(Long)) => Type::One(Longs),
                    Some(Type::One(String)) => Type::One(Strings),
                    _ => Type::SomeSet,
                })
            }
            Expr::Not(a) => {
                self.visit(a, bool);
                bool
            }
            Expr::Neg(a) => {
                self.visit(a, long);
                long
            }
            Expr::And(a, b) | Expr::Or(a, b) => {
                self.visit(a, bool);
                self.visit(b, bool);
                bool
            }
            Expr::If(c, a, b) => {
                // The form of `args.a has b`: no use of `a` as a value.
                if let (Expr::HasArg(_), Expr::HasArg(_), Expr::Arg(base)) = (&**c, &**a, &**b) {
                    self.visit(a, bool);
                    self.used.insert(base.clone(), ());
                    return bool;
                }
                self.visit(c, bool);
                let left = self.visit(a, expected);
                let right = self.visit(b, expected.or(left));
                if left.is_none() {
                    self.visit(a, right);
                }
                left.or(right)
            }
            Expr::Eq(a, b) => {
                self.same(a, b);
                bool
            }
            Expr::Less(a, b) | Expr::LessEq(a, b) => {
                self.visit(a, long);
                self.visit(b, long);
                bool
            }
            Expr::Add(a, b) | Expr::Sub(a, b) | Expr::Mul(a, b) => {
                self.visit(a, long);
                self.visit(b, long);
                long
            }
            Expr::Contains(set, element) => {
                let known = self.visit(set, Some(Type::SomeSet));
                let inner = known.and_then(element_type);
                let element_known = self.visit(element, inner);
                if let Some(of) = element_known.and_then(set_type) {
                    self.visit(set, Some(Type::One(of)));
                }
                bool
            }
            Expr::ContainsAll(a, b) | Expr::ContainsAny(a, b) => {
                self.visit(a, Some(Type::SomeSet));
                self.visit(b, Some(Type::SomeSet));
                self.same(a, b);
                bool
            }
            Expr::IsEmpty(a) => {
                self.visit(a, Some(Type::SomeSet));
                bool
            }
            Expr::Like(a, _) => {
                self.visit(a, Some(Type::One(String)));
                bool
            }
        }
    }

    fn same(&mut self, a: &Expr, b: &Expr) {
        let left = self.visit(a, None);
        let right = self.visit(b, left);
        if matches!(left, None | Some(Type::SomeSet)) {
            self.visit(a, right);
        }
    }

    fn argument(&mut self, path: &ArgPath, expected: Option<Type>) -> Option<Type> {
        self.used.insert(path.clone(), ());
        let known = self.types.get(path).copied();
        match (known, expected) {
            (Some(known), Some(Type::One(wanted))) if known != wanted => {
                self.clashes(path, known.cedar(), wanted.cedar());
            }
            (Some(known), Some(Type::SomeSet)) if set_type(Type::One(known)).is_some() => {
                self.clashes(path, known.cedar(), "Set");
            }
            (None, Some(Type::One(wanted))) => {
                if self.sets.contains_key(path) && set_type(Type::One(wanted)).is_some() {
                    self.clashes(path, "Set", wanted.cedar());
                }
                self.types.insert(path.clone(), wanted);
            }
            (None, Some(Type::SomeSet)) => {
                self.sets.insert(path.clone(), ());
            }
            _ => {}
        }
        match self.types.get(path) {
            Some(known) => Some(Type::One(*known)),
            None if self.sets.contains_key(path) => Some(Type::SomeSet),
            None => None,
        }
    }

    fn clashes(&mut self, path: &ArgPath, one: &str, other: &str) {
        let path = format!("args.{}", path.join("."));
        self.clash.get_or_insert(TypeClash {
            message: format!("`{path}` is used both as a `{one}` and as a `{other}`"),
            path,
        });
    }
}

fn fact_type(kind: FactType) -> Type {
    Type::One(match kind {
        FactType::Bool => ArgType::Bool,
        FactType::Long => ArgType::Long,
        FactType::String => ArgType::String,
        FactType::Strings => ArgType::Strings,
    })
}

/// The type of a set with such elements; `None` when it is a set itself.
fn set_type(element: Type) -> Option<ArgType> {
    match element {
        Type::One(ArgType::Bool) => Some(ArgType::Bools),
        Type::One(ArgType::Long) => Some(ArgType::Longs),
        Type::One(ArgType::String) => Some(ArgType::Strings),
        _ => None,
    }
}

fn element_type(set: Type) -> Option<Type> {
    match set {
        Type::One(ArgType::Bools) => Some(Type::One(ArgType::Bool)),
        Type::One(ArgType::Longs) => Some(Type::One(ArgType::Long)),
        Type::One(ArgType::Strings) => Some(Type::One(ArgType::String)),
        _ => None,
    }
}
