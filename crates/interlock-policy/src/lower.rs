//! From Cedar's JSON form of an expression to the core's [`Expr`].

use interlock_core::facts::{FactGroup, FactId};
use interlock_core::model::Vector;
use interlock_core::program::expr::{ArgPath, Expr};
use interlock_core::risk::Dimension;
use interlock_core::state::StateFacts;
use serde_json::Value;

use crate::diagnostic::nearest;

/// Nesting of an expression; the evaluation recurses as deep.
pub(crate) const EXPR_DEPTH_MAX: usize = 64;

/// Why an expression cannot be lowered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LowerError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// A word by which the place can be found in the text.
    pub(crate) word: Option<String>,
}

fn unsupported(what: impl Into<String>, word: &str) -> LowerError {
    LowerError {
        code: "policy.unsupported",
        message: format!("{} not supported in conditions", what.into()),
        help: None,
        word: Some(word.to_owned()),
    }
}

/// A lowered expression.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) expr: Expr,
    /// Names that `action` is compared with.
    pub(crate) actions: Vec<String>,
}

/// Lowers the JSON form of a whole condition.
pub(crate) fn expression(json: &Value) -> Result<Lowered, LowerError> {
    let mut lowering = Lowering {
        actions: Vec::new(),
    };
    let expr = lowering.expr(json, 0)?;
    Ok(Lowered {
        expr,
        actions: lowering.actions,
    })
}

struct Lowering {
    actions: Vec<String>,
}

impl Lowering {
    fn expr(&mut self, json: &Value, depth: usize) -> Result<Expr, LowerError> {
        if depth > EXPR_DEPTH_MAX {
            return Err(LowerError {
                code: "policy.limit",
                message: format!(
                    "the condition is nested deeper than the limit of {EXPR_DEPTH_MAX}"
                ),
                help: Some("write `[…].contains(x)` in place of a long chain of `||`".to_owned()),
                word: None,
            });
        }
        let (operator, operands) = json
            .as_object()
            .and_then(|o| o.iter().next())
            .ok_or_else(|| unsupported("this expression is", ""))?;
        let depth = depth + 1;
        match operator.as_str() {
            "Value" => literal(operands),
            "Var" => Err(variable(operands.as_str().unwrap_or_default())),
            "!" => Ok(Expr::Not(self.operand(operands, "arg", depth)?)),
            "neg" => Ok(negated(*self.operand(operands, "arg", depth)?)),
            "==" => self.equality(operands, depth),
            "!=" => Ok(Expr::Not(Box::new(self.equality(operands, depth)?))),
            "in" => self.membership(operands),
            "<" => self.two(operands, depth, Expr::Less),
            "<=" => self.two(operands, depth, Expr::LessEq),
            ">" => self.two(operands, depth, |l, r| Expr::Less(r, l)),
            ">=" => self.two(operands, depth, |l, r| Expr::LessEq(r, l)),
            "&&" => self.chain(operands, operator, depth, Expr::And),
            "||" => self.chain(operands, operator, depth, Expr::Or),
            "+" => self.two(operands, depth, Expr::Add),
            "-" => self.two(operands, depth, Expr::Sub),
            "*" => self.two(operands, depth, Expr::Mul),
            "contains" => self.two(operands, depth, Expr::Contains),
            "containsAll" => self.two(operands, depth, Expr::ContainsAll),
            "containsAny" => self.two(operands, depth, Expr::ContainsAny),
            "isEmpty" => Ok(Expr::IsEmpty(self.operand(operands, "arg", depth)?)),
            "." => attribute(json),
            "has" => has(operands),
            "like" => {
                let text = self.operand(operands, "left", depth)?;
                Ok(Expr::Like(text, pattern(operands.get("pattern"))))
            }
            "if-then-else" => Ok(Expr::If(
                self.operand(operands, "if", depth)?,
                self.operand(operands, "then", depth)?,
                self.operand(operands, "else", depth)?,
            )),
            "Set" => {
                let items = operands.as_array().map(Vec::as_slice).unwrap_or_default();
                let items: Result<Vec<Expr>, LowerError> =
                    items.iter().map(|i| self.expr(i, depth)).collect();
                Ok(Expr::Set(items?.into_boxed_slice()))
            }
            "Record" => Err(unsupported("record literals are", "{")),
            "is" => Err(unsupported("`is` is", "is")),
            "getTag" | "hasTag" => Err(unsupported("entity tags are", operator)),
            "Slot" => Err(unsupported("template slots are", "?")),
            other => Err(unsupported(
                format!("the extension function `{other}` is"),
                other,
            )),
        }
    }

    fn operand(
        &mut self,
        operands: &Value,
        name: &str,
        depth: usize,
    ) -> Result<Box<Expr>, LowerError> {
        let operand = operands.get(name).unwrap_or(&Value::Null);
        Ok(Box::new(self.expr(operand, depth)?))
    }

    fn two(
        &mut self,
        operands: &Value,
        depth: usize,
        build: impl FnOnce(Box<Expr>, Box<Expr>) -> Expr,
    ) -> Result<Expr, LowerError> {
        let left = self.operand(operands, "left", depth)?;
        let right = self.operand(operands, "right", depth)?;
        Ok(build(left, right))
    }

    /// `a && b && c` leans left in Cedar; both operators associate, errors and short circuit
    /// included, so a chain becomes a balanced tree of small depth.
    fn chain(
        &mut self,
        operands: &Value,
        operator: &str,
        depth: usize,
        build: impl Fn(Box<Expr>, Box<Expr>) -> Expr,
    ) -> Result<Expr, LowerError> {
        let mut reversed = Vec::new();
        let mut here = operands;
        loop {
            reversed.push(here.get("right").unwrap_or(&Value::Null));
            let left = here.get("left").unwrap_or(&Value::Null);
            match left.get(operator) {
                Some(deeper) => here = deeper,
                None => {
                    reversed.push(left);
                    break;
                }
            }
        }
        let parts: Result<Vec<Expr>, LowerError> = reversed
            .into_iter()
            .rev()
            .map(|part| self.expr(part, depth))
            .collect();
        Ok(balanced(parts?, &build))
    }

    fn equality(&mut self, operands: &Value, depth: usize) -> Result<Expr, LowerError> {
        let left = operands.get("left").unwrap_or(&Value::Null);
        let right = operands.get("right").unwrap_or(&Value::Null);
        let var = |v: &Value| v.get("Var").and_then(Value::as_str).map(str::to_owned);
        match (var(left), var(right), entity(left), entity(right)) {
            (Some(name), _, _, Some(uid)) | (_, Some(name), Some(uid), _) if name != "context" => {
                self.compare_entity(&name, &uid)
            }
            (None, None, Some(_), _) | (None, None, _, Some(_)) => {
                Err(unsupported("comparing entities with each other is", "::"))
            }
            _ => self.two(operands, depth, Expr::Eq),
        }
    }

    fn compare_entity(
        &mut self,
        variable: &str,
        (kind, id): &(String, String),
    ) -> Result<Expr, LowerError> {
        match (variable, kind.as_str()) {
            ("principal", "Agent") => Ok(Expr::AgentIs(id.as_str().into())),
            ("action", "Action") => {
                self.actions.push(id.clone());
                Ok(Expr::ActionIs(id.as_str().into()))
            }
            ("resource", "Resource") => Ok(Expr::ResourceIs(id.as_str().into())),
            _ => Err(LowerError {
                code: "policy.type",
                message: format!("`{variable}` is never a `{kind}`"),
                help: Some(
                    "`principal` is an `Agent`, `action` an `Action`, `resource` a `Resource`"
                        .to_owned(),
                ),
                word: Some(format!("{kind}::")),
            }),
        }
    }

    /// `action in [Action::"a", …]`: no entity has parents, so `in` is equality with one of them.
    fn membership(&mut self, operands: &Value) -> Result<Expr, LowerError> {
        let variable = operands
            .get("left")
            .and_then(|l| l.get("Var"))
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let right = operands.get("right").unwrap_or(&Value::Null);
        let members: Vec<(String, String)> = match right.get("Set").and_then(Value::as_array) {
            Some(items) => items.iter().filter_map(entity).collect(),
            None => Vec::new(),
        };
        if members.is_empty() || !matches!(variable.as_str(), "principal" | "action" | "resource") {
            return Err(LowerError {
                help: Some("write `action in [Action::\"a\", Action::\"b\"]` or `==`".to_owned()),
                ..unsupported("hierarchies of entities are", &variable)
            });
        }
        let mut parts = Vec::new();
        for member in &members {
            parts.push(self.compare_entity(&variable, member)?);
        }
        Ok(balanced(parts, &Expr::Or))
    }
}

/// Joins the parts, of which there is one at least, keeping their order.
pub(crate) fn balanced(
    mut parts: Vec<Expr>,
    build: &impl Fn(Box<Expr>, Box<Expr>) -> Expr,
) -> Expr {
    while parts.len() > 1 {
        let mut joined = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(left) = rest.next() {
            joined.push(match rest.next() {
                Some(right) => build(Box::new(left), Box::new(right)),
                None => left,
            });
        }
        parts = joined;
    }
    parts.pop().unwrap_or(Expr::Bool(false))
}

fn literal(value: &Value) -> Result<Expr, LowerError> {
    match value {
        Value::Bool(b) => Ok(Expr::Bool(*b)),
        Value::String(s) => Ok(Expr::Str(s.as_str().into())),
        Value::Number(n) => n
            .as_i64()
            .map(Expr::Long)
            .ok_or_else(|| unsupported("numbers beyond 64 bits are", &n.to_string())),
        Value::Array(items) => {
            let items: Result<Vec<Expr>, LowerError> = items.iter().map(literal).collect();
            Ok(Expr::Set(items?.into_boxed_slice()))
        }
        _ => Err(LowerError {
            help: Some("compare with `principal ==`, `action ==` or `resource ==`".to_owned()),
            ..unsupported("an entity by itself is", "::")
        }),
    }
}

fn negated(expr: Expr) -> Expr {
    match expr {
        Expr::Long(n) => n
            .checked_neg()
            .map_or_else(|| Expr::Neg(Box::new(Expr::Long(n))), Expr::Long),
        other => Expr::Neg(Box::new(other)),
    }
}

fn entity(json: &Value) -> Option<(String, String)> {
    let uid = json.get("Value")?.get("__entity")?;
    Some((
        uid.get("type")?.as_str()?.to_owned(),
        uid.get("id")?.as_str()?.to_owned(),
    ))
}

fn variable(name: &str) -> LowerError {
    match name {
        "context" => unsupported("`context` as a whole is", "context"),
        other => LowerError {
            help: Some(format!("compare it: `{other} == …`")),
            ..unsupported(format!("`{other}` by itself is"), other)
        },
    }
}

fn pattern(json: Option<&Value>) -> Box<[Option<char>]> {
    let mut out = Vec::new();
    for item in json
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
    {
        match item.get("Literal").and_then(Value::as_str) {
            Some(text) => out.extend(text.chars().map(Some)),
            None => out.push(None),
        }
    }
    out.into_boxed_slice()
}

/// The attributes after `context`, outermost first.
fn path(json: &Value) -> Result<Vec<&str>, LowerError> {
    let mut parts = Vec::new();
    let mut here = json;
    loop {
        if let Some(access) = here.get(".") {
            parts.push(access.get("attr").and_then(Value::as_str).unwrap_or(""));
            here = access.get("left").unwrap_or(&Value::Null);
            if parts.len() > EXPR_DEPTH_MAX {
                return Err(unsupported("so long a path is", ""));
            }
            continue;
        }
        return match here.get("Var").and_then(Value::as_str) {
            Some("context") => {
                parts.reverse();
                Ok(parts)
            }
            Some(var) => Err(LowerError {
                help: Some(
                    "only `facts`, `risk`, `findings`, `state` and `args` have fields".to_owned(),
                ),
                ..unsupported(
                    format!("attributes of `{var}` are"),
                    parts.last().copied().unwrap_or(var),
                )
            }),
            None => Err(unsupported(
                "a field of a computed value is",
                parts.last().copied().unwrap_or(""),
            )),
        };
    }
}

/// What a path under `context` leads to.
enum Target {
    Value(Expr),
    /// A record of fixed fields.
    Record,
    /// The arguments or something within.
    Args(ArgPath),
    Unknown,
}

fn target(parts: &[&str]) -> Target {
    let value = |expr: Option<Expr>| expr.map_or(Target::Unknown, Target::Value);
    match parts {
        [] | ["facts"] | ["risk"] | ["findings"] | ["findings", "confidence"] | ["state"] => {
            Target::Record
        }
        ["facts", name] => match FactId::find("", name) {
            Some(id) => Target::Value(Expr::Fact(id)),
            None if !name.is_empty() && FactGroup::ALL.iter().any(|g| g.name() == *name) => {
                Target::Record
            }
            None => Target::Unknown,
        },
        ["facts", group, name] if !group.is_empty() => {
            value(FactId::find(group, name).map(Expr::Fact))
        }
        ["risk", "composite"] => Target::Value(Expr::Composite),
        ["risk", name] => value(
            Dimension::ALL
                .into_iter()
                .find(|d| d.name() == *name)
                .map(Expr::Risk),
        ),
        ["findings", name] => value(Vector::from_name(name).map(Expr::Finding)),
        ["findings", "confidence", name] => value(Vector::from_name(name).map(Expr::Confidence)),
        ["state", name] => value(
            StateFacts::SPECS
                .iter()
                .position(|s| s.name == *name)
                .and_then(|at| u8::try_from(at).ok())
                .map(Expr::State),
        ),
        ["args", rest @ ..] => Target::Args(rest.iter().map(|p| Box::from(*p)).collect()),
        _ => Target::Unknown,
    }
}

/// The path as an author writes it.
fn shown(parts: &[&str]) -> String {
    parts.join(".")
}

fn unknown(parts: &[&str]) -> LowerError {
    let last = parts.last().copied().unwrap_or_default();
    let group = match parts {
        ["facts", group, _] => *group,
        _ => "",
    };
    let names: Vec<&str> = match parts {
        ["facts", ..] => FactGroup::ALL
            .iter()
            .filter(|g| g.name() == group)
            .flat_map(|g| g.specs())
            .map(|s| s.name)
            .collect(),
        ["state", ..] => StateFacts::SPECS.iter().map(|s| s.name).collect(),
        ["findings", ..] => Vector::ALL.map(Vector::name).to_vec(),
        ["risk", ..] => Dimension::ALL.map(Dimension::name).to_vec(),
        _ => Vec::new(),
    };
    LowerError {
        code: "policy.unknown-field",
        message: format!("unknown field `{}`", shown(parts)),
        help: nearest(last, names).map(|near| format!("did you mean `{near}`?")),
        word: parts.last().map(|p| (*p).to_owned()),
    }
}

fn attribute(json: &Value) -> Result<Expr, LowerError> {
    let parts = path(json)?;
    match target(&parts) {
        Target::Value(expr) => Ok(expr),
        Target::Args(path) if path.is_empty() => Err(unsupported("`args` as a whole is", "args")),
        Target::Args(path) => Ok(Expr::Arg(path)),
        Target::Record => Err(LowerError {
            help: Some("name one of its fields".to_owned()),
            ..unsupported(format!("`{}` as a whole is", shown(&parts)), &shown(&parts))
        }),
        Target::Unknown => Err(unknown(&parts)),
    }
}

/// `left has attr` and `left has a.b`.
fn has(operands: &Value) -> Result<Expr, LowerError> {
    let left = operands.get("left").unwrap_or(&Value::Null);
    let attributes: Vec<&str> = match operands.get("attr") {
        Some(Value::String(attr)) => vec![attr],
        Some(Value::Array(attrs)) => attrs.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut parts = path(left)?;
    let held = target(&parts);
    let from = parts.len();
    parts.extend(&attributes);
    match held {
        Target::Args(base) => {
            // `args.a has b` fails where `a` is absent; `args has a.b` is false there.
            let extended: ArgPath = base
                .iter()
                .cloned()
                .chain(attributes.iter().map(|a| Box::from(*a)))
                .collect();
            if base.is_empty() {
                return Ok(Expr::HasArg(extended));
            }
            Ok(Expr::If(
                Box::new(Expr::HasArg(base.clone())),
                Box::new(Expr::HasArg(extended)),
                Box::new(Expr::Arg(base)),
            ))
        }
        Target::Record => match target(&parts) {
            Target::Unknown => Err(unknown(&parts)),
            // Facts are total: what is known is there.
            _ => Ok(Expr::Bool(true)),
        },
        Target::Value(_) => Err(LowerError {
            code: "policy.type",
            message: format!(
                "`{}` has no fields",
                shown(parts.get(..from).unwrap_or_default())
            ),
            help: None,
            word: parts.get(from).map(|p| (*p).to_owned()),
        }),
        Target::Unknown => Err(unknown(parts.get(..from).unwrap_or_default())),
    }
}
