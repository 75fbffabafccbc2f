//! Which classes of data are involved.
//!
//! Judged by names: resources, tables, columns in the SQL text and the keys of arguments, matched
//! word by word so that `discard` is no card. What the contents hold is found by the detectors and
//! added to the risk through their findings.

use super::{FactInput, Facts, fact_group, set_insert, words};
use crate::model::{Action, ActionType, Value};

fact_group! {
    /// Which classes of data.
    DataFacts {
        /// Classes found in names: `pii`, `phi`, `cardholder`, `credentials`, `financial`, `test`.
        classes: Vec<String>,
        /// Personal data.
        pii: bool,
        /// Health data.
        phi: bool,
        /// Cardholder data.
        cardholder: bool,
        /// Credentials.
        credentials: bool,
        /// Financial records.
        financial: bool,
        /// How many records are involved, by the best estimate there is; -1 when unknown.
        records: i64,
    }
}

const PII: u8 = 1;
const PHI: u8 = 2;
const CARD: u8 = 4;
const CREDENTIALS: u8 = 8;
const FINANCIAL: u8 = 16;
const TEST: u8 = 32;

/// Names of the classes in the order of their bits.
const CLASSES: [&str; 6] = [
    "pii",
    "phi",
    "cardholder",
    "credentials",
    "financial",
    "test",
];

/// Words, and compounds written as one, with their class; singular. Sorted.
const LEXICON: &[(&str, u8)] = &[
    ("accesskey", CREDENTIALS),
    ("accesstoken", CREDENTIALS),
    ("accountnumber", FINANCIAL),
    ("allergy", PHI),
    ("apikey", CREDENTIALS),
    ("apitoken", CREDENTIALS),
    ("authtoken", CREDENTIALS),
    ("bankaccount", FINANCIAL),
    ("bearertoken", CREDENTIALS),
    ("billing", FINANCIAL),
    ("birthdate", PII),
    ("birthday", PII),
    ("card", CARD),
    ("cardholder", CARD),
    ("cardnumber", CARD),
    ("clientsecret", CREDENTIALS),
    ("clinical", PHI),
    ("compensation", FINANCIAL),
    ("credential", CREDENTIALS),
    ("creditcard", CARD),
    ("cvc", CARD),
    ("cvv", CARD),
    ("dateofbirth", PII),
    ("debitcard", CARD),
    ("diagnosis", PHI),
    ("dob", PII),
    ("driverlicense", PII),
    ("driverslicense", PII),
    ("ehr", PHI),
    ("email", PII),
    ("emailaddress", PII),
    ("emr", PHI),
    ("firstname", PII),
    ("fullname", PII),
    ("hipaa", PHI),
    ("homeaddress", PII),
    ("iban", FINANCIAL),
    ("invoice", FINANCIAL),
    ("journalentry", FINANCIAL),
    ("labresult", PHI),
    ("lastname", PII),
    ("ledger", FINANCIAL),
    ("medical", PHI),
    ("medication", PHI),
    ("mrn", PHI),
    ("nationalid", PII),
    ("pan", CARD),
    ("passphrase", CREDENTIALS),
    ("passport", PII),
    ("passportnumber", PII),
    ("passwd", CREDENTIALS),
    ("password", CREDENTIALS),
    ("patient", PHI),
    ("payroll", FINANCIAL),
    ("pci", CARD),
    ("personaldata", PII),
    ("phi", PHI),
    ("phone", PII),
    ("phonenumber", PII),
    ("pii", PII),
    ("prescription", PHI),
    ("privatekey", CREDENTIALS),
    ("refreshtoken", CREDENTIALS),
    ("revenue", FINANCIAL),
    ("routingnumber", FINANCIAL),
    ("salary", FINANCIAL),
    ("secret", CREDENTIALS),
    ("secretkey", CREDENTIALS),
    ("socialsecurity", PII),
    ("socialsecuritynumber", PII),
    ("sshkey", CREDENTIALS),
    ("ssn", PII),
    ("streetaddress", PII),
    ("surname", PII),
    ("taxid", PII),
    ("wage", FINANCIAL),
];

/// Words that mean records about people or money in the name of a table or resource only. Sorted.
const ENTITIES: &[(&str, u8)] = &[
    ("applicant", PII),
    ("contact", PII),
    ("customer", PII),
    ("employee", PII),
    ("guest", PII),
    ("lead", PII),
    ("member", PII),
    ("payment", FINANCIAL),
    ("people", PII),
    ("person", PII),
    ("profile", PII),
    ("student", PII),
    ("subscriber", PII),
    ("token", CREDENTIALS),
    ("transaction", FINANCIAL),
    ("user", PII),
];

/// Words that mark data as not real.
const TEST_WORDS: &[&str] = &[
    "demo", "dummy", "fixture", "mock", "sample", "sandbox", "test",
];

/// Arguments that hold the SQL text, whose words name columns.
const SQL_KEYS: &[&str] = &["sql", "query", "statement"];

/// Records assumed when an action asks for all there are.
const ALL_RECORDS: i64 = 1_000_000;

/// Bytes of SQL read for column names.
const SQL_BYTES_MAX: usize = 16 * 1024;

impl DataFacts {
    /// Computes the group from the others.
    #[must_use]
    pub fn compute(input: FactInput<'_>, facts: &Facts) -> Self {
        let action = input.action;
        let mut bits = 0u8;
        let file = facts.resource.kind == "file";
        let database = facts.resource.kind == "database";
        // Recipients are not the data that is sent.
        if facts.resource.kind != "mail" {
            for name in &facts.resource.names {
                let base = name.rsplit('/').next().unwrap_or(name);
                let mut found = classify(name, false);
                found |= classify(if file { base } else { name }, true);
                // Where data goes says nothing about whether it is real.
                if facts.resource.kind == "host" || (!database && name.contains("://")) {
                    found &= !TEST;
                }
                bits |= found;
            }
        }
        if facts.sql.present {
            for table in &facts.sql.tables {
                bits |= classify(table, true);
            }
            for root in [&action.arguments, &action.payload] {
                for key in SQL_KEYS {
                    if let Some(text) = root.get(key).and_then(Value::as_str) {
                        let end = text.len().min(SQL_BYTES_MAX);
                        bits |= classify(text.get(..end).unwrap_or(text), false);
                    }
                }
            }
        }
        let message = action.action_type == ActionType::MessageSend;
        let mut keys = Keys {
            message,
            left: 2_000,
            bits: 0,
        };
        keys.value(&action.arguments);
        keys.value(&action.payload);
        bits |= keys.bits;
        if facts.path.secret {
            bits |= CREDENTIALS;
        }
        if facts.money.present {
            bits |= FINANCIAL;
        }
        let mut out = Self {
            pii: bits & PII != 0,
            phi: bits & PHI != 0,
            cardholder: bits & CARD != 0,
            credentials: bits & CREDENTIALS != 0,
            financial: bits & FINANCIAL != 0,
            records: records(action, facts),
            ..Self::default()
        };
        for (at, class) in CLASSES.iter().enumerate() {
            if bits & (1 << at) != 0 {
                set_insert(&mut out.classes, class);
            }
        }
        out
    }
}

/// Longer words are in no table.
const WORD_BYTES_MAX: usize = 24;

/// The last words in lower case, written as one, without allocation.
struct Compound {
    bytes: [u8; 3 * WORD_BYTES_MAX],
    // Where the last three words start, and the end of the last.
    starts: [usize; 3],
    end: usize,
}

impl Compound {
    fn push(&mut self, word: &str) {
        let [_, second, third] = self.starts;
        if word.len() > WORD_BYTES_MAX {
            self.starts = [0; 3];
            self.end = 0;
            return;
        }
        // The oldest word goes, the others move to the front.
        self.bytes.copy_within(second..self.end, 0);
        let end = self.end - second;
        self.starts = [0, third - second, end];
        for (slot, byte) in self.bytes.iter_mut().skip(end).zip(word.bytes()) {
            *slot = byte.to_ascii_lowercase();
        }
        self.end = end + word.len();
    }

    fn since(&self, start: usize) -> &[u8] {
        self.bytes.get(start..self.end).unwrap_or_default()
    }
}

/// The classes that the words of a name stand for.
fn classify(name: &str, entities: bool) -> u8 {
    let mut bits = 0;
    let mut compound = Compound {
        bytes: [0; 3 * WORD_BYTES_MAX],
        starts: [0; 3],
        end: 0,
    };
    for word in words::of(name) {
        compound.push(word);
        let [first, second, last] = compound.starts;
        let word = compound.since(last);
        bits |= lookup(LEXICON, &LEXICON_LETTERS, word);
        if entities {
            bits |= lookup(ENTITIES, &ENTITY_LETTERS, word);
        }
        if is_test(word) {
            bits |= TEST;
        }
        if second < last {
            bits |= lookup(LEXICON, &LEXICON_LETTERS, compound.since(second));
        }
        if first < second {
            bits |= lookup(LEXICON, &LEXICON_LETTERS, compound.since(first));
        }
    }
    bits
}

fn is_test(word: &[u8]) -> bool {
    if !matches!(word.first(), Some(b'd' | b'f' | b'm' | b's' | b't')) {
        return false;
    }
    let word = word.strip_suffix(b"s").unwrap_or(word);
    TEST_WORDS.iter().any(|have| have.as_bytes() == word)
}

/// The words of a table that begin with one letter.
#[derive(Clone, Copy)]
struct Letter {
    /// Their lengths, as bits: most words of a name are in no table, and this tells without a
    /// search.
    lengths: u32,
    /// Where they start in the table.
    from: usize,
    /// How many they are.
    count: usize,
}

const fn letters(table: &[(&str, u8)]) -> [Letter; 26] {
    let none = Letter {
        lengths: 0,
        from: 0,
        count: 0,
    };
    let mut letters = [none; 26];
    let mut rest = table;
    while let [(word, _), tail @ ..] = rest {
        if let [first, ..] = word.as_bytes()
            && first.is_ascii_lowercase()
            && let Some((_, [letter, ..])) = letters.split_at_mut_checked((*first - b'a') as usize)
        {
            if letter.count == 0 {
                letter.from = table.len() - rest.len();
            }
            letter.lengths |= 1u32 << word.len();
            letter.count += 1;
        }
        rest = tail;
    }
    letters
}

static LEXICON_LETTERS: [Letter; 26] = letters(LEXICON);
static ENTITY_LETTERS: [Letter; 26] = letters(ENTITIES);

/// The class of a word or of its singular, 0 when it has none.
fn lookup(table: &[(&str, u8)], letters: &[Letter; 26], word: &[u8]) -> u8 {
    let Some(letter) = word
        .first()
        .and_then(|first| letters.get(usize::from(first.wrapping_sub(b'a'))))
    else {
        return 0;
    };
    let find = |word: &[u8]| {
        if word.len() >= 32 || letter.lengths & (1 << word.len()) == 0 {
            return None;
        }
        table
            .iter()
            .skip(letter.from)
            .take(letter.count)
            .find(|(have, _)| have.as_bytes() == word)
            .map(|(_, bits)| *bits)
    };
    find(word)
        .or_else(|| find(word.strip_suffix(b"s")?))
        .or_else(|| {
            let stem = word.strip_suffix(b"ies")?;
            let mut singular = [0; WORD_BYTES_MAX];
            let (head, tail) = singular.split_at_mut_checked(stem.len())?;
            head.copy_from_slice(stem);
            *tail.first_mut()? = b'y';
            find(singular.get(..=stem.len())?)
        })
        .unwrap_or(0)
}

/// Walks the keys of arguments.
struct Keys {
    message: bool,
    left: usize,
    bits: u8,
}

impl Keys {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(object) => {
                for (key, item) in object.iter() {
                    if self.left == 0 {
                        return;
                    }
                    self.left -= 1;
                    // `email` of a message says where it goes, not what it holds.
                    let recipient =
                        self.message && (key.contains("email") || key.contains("phone"));
                    if !recipient && !item.is_null() {
                        self.bits |= classify(key, false) & !TEST;
                    }
                    self.value(item);
                }
            }
            Value::Array(items) => items.iter().take(256).for_each(|item| self.value(item)),
            _ => {}
        }
    }
}

/// Arguments that say how many records are asked for.
const COUNT_KEYS: &[&str] = &[
    "batch_size",
    "count",
    "limit",
    "max_results",
    "max_rows",
    "num_records",
    "num_rows",
    "page_size",
    "per_page",
    "record_count",
    "records",
    "row_count",
    "rows",
    "size",
    "top",
];

/// Arguments whose array is one record each, besides those that end in `ids`.
const LIST_KEYS: &[&str] = &[
    "customers",
    "data",
    "documents",
    "entries",
    "files",
    "items",
    "keys",
    "list",
    "payload",
    "records",
    "rows",
    "users",
];

fn records(action: &Action, facts: &Facts) -> i64 {
    if let Some(rows) = action.observed.rows {
        return rows.max(if facts.sql.present {
            facts.sql.row_estimate
        } else {
            0
        });
    }
    let mut records: i64 = -1;
    if facts.sql.present {
        records = facts.sql.row_estimate;
    }
    for root in [&action.arguments, &action.payload] {
        match root {
            Value::Object(object) => {
                for (key, value) in object.iter() {
                    records = records.max(counted(key, value, facts.sql.present));
                }
            }
            Value::Array(items) => {
                records = records.max(i64::try_from(items.len()).unwrap_or(i64::MAX));
            }
            _ => {}
        }
    }
    let one_file = matches!(
        action.action_type,
        ActionType::FileRead | ActionType::FileWrite | ActionType::FileDelete
    ) && facts.path.present
        && !facts.path.wildcard;
    if records < 0 && one_file {
        records = i64::try_from(facts.path.names.len()).unwrap_or(i64::MAX);
    }
    records
}

fn counted(key: &str, value: &Value, sql: bool) -> i64 {
    match value {
        // The statement's own limit is in the estimate.
        Value::Number(n) if !sql && COUNT_KEYS.contains(&key) => match n.as_i64() {
            // `-1` is the usual spelling of no limit.
            Some(n) if n < 0 => ALL_RECORDS,
            Some(n) => n,
            None => n.as_nano().map_or(ALL_RECORDS, |nano| nano / 1_000_000_000),
        },
        Value::String(text) if !sql && COUNT_KEYS.contains(&key) => {
            let text = text.trim();
            if ["all", "*", "unlimited", "none", "max"]
                .iter()
                .any(|word| text.eq_ignore_ascii_case(word))
            {
                ALL_RECORDS
            } else {
                text.parse::<i64>()
                    .map_or(-1, |n| if n < 0 { ALL_RECORDS } else { n })
            }
        }
        Value::Bool(true) if matches!(key, "all" | "fetch_all" | "select_all") => ALL_RECORDS,
        Value::Array(items) if key.ends_with("ids") || LIST_KEYS.contains(&key) => {
            i64::try_from(items.len()).unwrap_or(i64::MAX)
        }
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_for_binary_search() {
        assert!(LEXICON.is_sorted());
        assert!(ENTITIES.is_sorted());
        for (word, _) in LEXICON.iter().chain(ENTITIES) {
            assert!(word.len() <= WORD_BYTES_MAX && word.bytes().all(|b| b.is_ascii_lowercase()));
        }
    }

    #[test]
    fn words_decide_not_substrings() {
        let check = |name: &str, entities: bool, want: u8| {
            assert_eq!(classify(name, entities), want, "{name}");
        };
        check("discarded_items", true, 0);
        check("credit_cards", true, CARD);
        check("creditCardNumber", false, CARD);
        check("date_of_birth", false, PII);
        check("max_tokens", false, 0);
        check("access_token", false, CREDENTIALS);
        check("api-keys", false, CREDENTIALS);
        check("patient_allergies", true, PHI);
        check("user_id", false, 0);
        check("users", true, PII);
        check("salaries", true, FINANCIAL);
        check("test_customers", true, TEST | PII);
        check("latest", true, 0);
        check("company", true, 0);
        check("SELECT ssn, name FROM t", false, PII);
        check("social_security_number", false, PII);
        check(&format!("{}_ssn", "x".repeat(40)), false, PII);
        check("diagnosis", false, PHI);
    }
}
