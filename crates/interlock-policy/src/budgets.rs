//! Budgets of a tenant, of API keys and of agents by their names: what one is, and the file of them.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read as _;
use std::path::Path;

use interlock_core::model::parse_nano;
use interlock_core::state::{BudgetPeriod, THRESHOLDS_MAX, TRICKLE_MAX, dollars};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Budgets of one tenant: an action draws on each that is about it.
pub const BUDGETS_MAX: usize = 64;
/// Bytes of a budget's name.
pub const BUDGET_ID_BYTES_MAX: usize = 64;
/// Bytes of the name or pattern that a budget is about, and of a group that is told.
pub const BUDGET_OF_BYTES_MAX: usize = 128;
/// Groups of people that one budget tells.
pub const BUDGET_NOTIFY_MAX: usize = 4;
/// The most money in one budget: what a decimal of nine digits before the point says.
pub const BUDGET_USD_MAX: i64 = 999_999_999;
/// The most calls in one budget.
pub const BUDGET_CALLS_MAX: i64 = 1_000_000_000_000;
/// The percentages at which people are told where nothing else is set.
pub const THRESHOLDS_DEFAULT: [u8; 3] = [50, 80, 100];
/// Bytes of a file of budgets.
const FILE_BYTES_MAX: usize = 256 * 1024;

/// Money, exact: billionths of a US dollar; a decimal text or a number in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub i64);

impl Usd {
    /// The amount of a decimal text with at most nine digits before the point and after it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        (digits(whole) && digits(fraction))
            .then(|| parse_nano(text).map(Self))
            .flatten()
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&dollars(self.0))
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;
        impl serde::de::Visitor<'_> for Amount {
            type Value = Usd;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an amount of US dollars, with at most nine digits before the point and after it",
                )
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Usd, E> {
                Usd::parse(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Usd, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Usd, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Usd, E> {
                // The shortest text that is this number: `20.5`, as it was written.
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Amount)
    }
}

/// Whom a budget is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetScope {
    /// The tenant: all actions together.
    Tenant,
    /// API keys: each that matches has a purse of its own.
    Key,
    /// Agents: each that matches has a purse of its own.
    Agent,
}

impl BudgetScope {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Key => "key",
            Self::Agent => "agent",
        }
    }
}

/// What happens to an action that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetAtLimit {
    /// It is blocked.
    #[default]
    Block,
    /// So many calls a minute go on, and the others are blocked.
    Throttle,
}

impl BudgetAtLimit {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Throttle => "throttle",
        }
    }
}

fn each() -> String {
    "*".to_owned()
}

fn thresholds() -> Vec<u8> {
    THRESHOLDS_DEFAULT.to_vec()
}

fn day() -> String {
    BudgetPeriod::Day.name().to_owned()
}

/// One budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Its name, unique in the tenant.
    pub id: String,
    /// Whom it is about.
    pub scope: BudgetScope,
    /// Which keys, by id, or agents, by name; `*` stands for any characters.
    #[serde(default = "each")]
    pub of: String,
    /// What it renews with, UTC: `day` or `month`.
    #[serde(default = "day")]
    pub period: String,
    /// The most that a period may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<Usd>,
    /// The most calls of a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_calls: Option<i64>,
    /// The percentages at which people are told, once in a period each.
    #[serde(default = "thresholds")]
    pub thresholds: Vec<u8>,
    /// What happens at the limit.
    #[serde(default)]
    pub at_limit: BudgetAtLimit,
    /// With `throttle`: calls a minute that go on past the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_minute: Option<i64>,
    /// Groups of people that are told.
    #[serde(default)]
    pub notify: Vec<String>,
}

/// What is wrong with a budget: the field, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.problem)
    }
}

impl std::error::Error for BudgetError {}

/// Whether a text is 1 to `max` bytes without control characters.
fn is_name(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
}

impl Budget {
    /// What it renews with.
    #[must_use]
    pub fn renews(&self) -> Option<BudgetPeriod> {
        BudgetPeriod::from_name(&self.period)
    }

    /// Calls a minute that go on past the limit; 0 when it blocks.
    #[must_use]
    pub fn trickle(&self) -> i64 {
        match self.at_limit {
            BudgetAtLimit::Block => 0,
            BudgetAtLimit::Throttle => self.calls_per_minute.unwrap_or(1),
        }
    }

    /// Checks the limits of its fields.
    ///
    /// # Errors
    /// Names the field and what it must be.
    pub fn check(&self) -> Result<(), BudgetError> {
        let wrong = |field: &'static str, problem: String| {
            let problem = if field == "id" || self.id.len() > BUDGET_ID_BYTES_MAX {
                problem
            } else {
                format!("of budget `{}` {problem}", self.id)
            };
            Err(BudgetError { field, problem })
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !is_name(&self.id, BUDGET_ID_BYTES_MAX) || !self.id.bytes().all(plain) {
            let problem =
                format!("must be 1 to {BUDGET_ID_BYTES_MAX} letters, digits, `-`, `_` and `.`");
            return wrong("id", problem);
        }
        if !is_name(&self.of, BUDGET_OF_BYTES_MAX) {
            let problem =
                format!("must be 1 to {BUDGET_OF_BYTES_MAX} bytes without control characters");
            return wrong("of", problem);
        }
        if self.scope == BudgetScope::Tenant && self.of != "*" {
            return wrong("of", "is for budgets of keys and agents only".to_owned());
        }
        if self.renews().is_none() {
            return wrong("period", "must be `day` or `month`".to_owned());
        }
        if self.limit_usd.is_none() && self.limit_calls.is_none() {
            return wrong(
                "limit_usd",
                "or `limit_calls` is needed: a budget limits money, calls, or both".to_owned(),
            );
        }
        let most = BUDGET_USD_MAX.saturating_mul(1_000_000_000);
        if self
            .limit_usd
            .is_some_and(|usd| !(0..=most).contains(&usd.0))
        {
            return wrong("limit_usd", format!("must be 0 to {BUDGET_USD_MAX}"));
        }
        if self
            .limit_calls
            .is_some_and(|calls| !(0..=BUDGET_CALLS_MAX).contains(&calls))
        {
            return wrong("limit_calls", format!("must be 0 to {BUDGET_CALLS_MAX}"));
        }
        let rising = self.thresholds.is_sorted_by(|a, b| a < b);
        let percent = self.thresholds.iter().all(|t| (1..=100).contains(t));
        if self.thresholds.len() > THRESHOLDS_MAX || !rising || !percent {
            let problem =
                format!("must be at most {THRESHOLDS_MAX} rising percentages from 1 to 100");
            return wrong("thresholds", problem);
        }
        match (self.at_limit, self.calls_per_minute) {
            (BudgetAtLimit::Block, Some(_)) => {
                return wrong(
                    "calls_per_minute",
                    "is for `at_limit: throttle` only".to_owned(),
                );
            }
            (BudgetAtLimit::Throttle, calls)
                if !calls.is_some_and(|n| (1..=TRICKLE_MAX).contains(&n)) =>
            {
                let problem = format!("must be 1 to {TRICKLE_MAX} with `at_limit: throttle`");
                return wrong("calls_per_minute", problem);
            }
            _ => {}
        }
        if self.notify.len() > BUDGET_NOTIFY_MAX
            || !self.notify.iter().all(|g| is_name(g, BUDGET_OF_BYTES_MAX))
        {
            let problem = format!(
                "must be at most {BUDGET_NOTIFY_MAX} groups of 1 to {BUDGET_OF_BYTES_MAX} bytes"
            );
            return wrong("notify", problem);
        }
        Ok(())
    }
}

/// Checks the budgets of one tenant together.
///
/// # Errors
/// Names the field and what it must be.
pub fn check_budgets(budgets: &[Budget]) -> Result<(), BudgetError> {
    if budgets.len() > BUDGETS_MAX {
        return Err(BudgetError {
            field: "budgets",
            problem: format!("must be at most {BUDGETS_MAX}"),
        });
    }
    let mut ids = BTreeSet::new();
    for budget in budgets {
        budget.check()?;
        if !ids.insert(&budget.id) {
            return Err(BudgetError {
                field: "id",
                problem: format!("`{}` is there twice", budget.id),
            });
        }
    }
    Ok(())
}

/// Reads the text of a file of budgets: YAML with a list under `budgets`.
///
/// # Errors
/// What is wrong, and where.
pub fn read_budgets(text: &str) -> Result<Vec<Budget>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        budgets: Vec<Budget>,
    }
    if text.len() > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    let file: File = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    check_budgets(&file.budgets).map_err(|e| e.to_string())?;
    Ok(file.budgets)
}

/// Reads a file of budgets; see [`read_budgets`].
///
/// # Errors
/// What is wrong, with the name of the file.
pub fn load_budgets(path: &Path) -> Result<Vec<Budget>, String> {
    let named = |problem: String| format!("`{}`: {problem}", path.display());
    let file = std::fs::File::open(path).map_err(|e| named(e.to_string()))?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)
        .map_err(|e| named(e.to_string()))?;
    read_budgets(&text).map_err(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact() {
        for (text, nano) in [
            ("0", Some(0)),
            ("20.5", Some(20_500_000_000)),
            ("0.000000001", Some(1)),
            ("999999999.999999999", Some(999_999_999_999_999_999)),
            ("", None),
            (".", None),
            ("1.", None),
            (".5", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("1,5", None),
            ("1000000000", None),
            ("0.0000000001", None),
            ("٣", None),
        ] {
            assert_eq!(Usd::parse(text).map(|usd| usd.0), nano, "{text}");
        }
        let read = |text: &str| serde_json::from_str::<Usd>(text).ok().map(|usd| usd.0);
        assert_eq!(read("20.5"), Some(20_500_000_000));
        assert_eq!(read("\"20.50\""), Some(20_500_000_000));
        assert_eq!(read("3"), Some(3_000_000_000));
        assert_eq!(read("-3"), None);
        assert_eq!(read("1e300"), None);
        assert_eq!(read("null"), None);
        assert_eq!(
            serde_json::to_string(&Usd(1_500_000_000)).unwrap(),
            "\"1.5\""
        );
    }

    const GOOD: &str = "budgets:\n- id: team\n  scope: key\n  limit_usd: 20.5\n";

    #[test]
    fn a_file_says_what_is_wrong_with_it() {
        let good = read_budgets(GOOD).unwrap();
        assert_eq!((good[0].of.as_str(), good[0].period.as_str()), ("*", "day"));
        assert_eq!(good[0].limit_usd, Some(Usd(20_500_000_000)));
        assert_eq!(good[0].thresholds, THRESHOLDS_DEFAULT);
        assert_eq!(good[0].trickle(), 0);
        let check = |text: String, want: &str| {
            let error = read_budgets(&text).unwrap_err();
            assert!(error.contains(want), "{text}\n{error}");
        };
        let with = |line: &str| format!("{GOOD}  {line}\n");
        check(with("limit: 5"), "unknown field");
        check(
            with("thresholds: [80, 50]"),
            "`thresholds` of budget `team` must be",
        );
        check(with("thresholds: [0]"), "`thresholds`");
        check(with("thresholds: [101]"), "`thresholds`");
        check(with("thresholds: [1,2,3,4,5,6,7,8,9]"), "at most 8");
        check(with("period: week"), "must be `day` or `month`");
        check(
            with("at_limit: throttle"),
            "`calls_per_minute` of budget `team` must be 1 to 600",
        );
        check(
            with("calls_per_minute: 1"),
            "is for `at_limit: throttle` only",
        );
        check(
            with("at_limit: throttle\n  calls_per_minute: 601"),
            "must be 1 to 600",
        );
        check(
            with("of: \"\""),
            "`of` of budget `team` must be 1 to 128 bytes",
        );
        check(with("of: \"a\\u0007\""), "control characters");
        check(with("notify: [a, b, c, d, e]"), "at most 4 groups");
        check(with("limit_calls: -1"), "`limit_calls`");
        check(GOOD.replace("20.5", "-1"), "US dollars");
        check(GOOD.replace("20.5", "1e12"), "US dollars");
        check(
            GOOD.replace("  limit_usd: 20.5\n", ""),
            "a budget limits money, calls, or both",
        );
        check(GOOD.replace("team", "a b"), "`id` must be 1 to 64");
        check(GOOD.replace("key", "all"), "unknown variant");
        check(
            GOOD.replace("scope: key", "scope: tenant\n  of: x"),
            "is for budgets of keys and agents only",
        );
        let twice = GOOD.replace("budgets:\n", "");
        check(format!("{GOOD}{twice}"), "`team` is there twice");
        let many: String = (0..65)
            .map(|n| twice.replace("team", &format!("b{n}")))
            .collect();
        check(format!("budgets:\n{many}"), "must be at most 64");
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let all = read_budgets(&format!(
            "{GOOD}- id: trickle\n  scope: agent\n  of: \"bot*\"\n  period: month\n  limit_calls: 7\n  thresholds: []\n  at_limit: throttle\n  calls_per_minute: 2\n  notify: [ops]\n"
        ))
        .unwrap();
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Budget>>(&json).unwrap(), all);
    }
}
