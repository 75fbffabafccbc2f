//! What a SQL text does: statement kinds, tables, and whether anything bounds it.

use super::{FactInput, fact_group};

fact_group! {
    /// What a SQL text does.
    SqlFacts {
        /// The action carries SQL.
        present: bool,
        /// The text parsed; when it did not, the dangerous values hold.
        parsed: bool,
        /// How many statements there are.
        statements: i64,
        /// Statement kinds in lower case: `select`, `insert`, `update`, `delete`, `drop`, `truncate`, `alter`, `create`, `grant`, `revoke`, `call`, `copy`, `set`, `transaction`, `other`.
        kinds: Vec<String>,
        /// Tables named, lower case and unquoted, with schema if given.
        tables: Vec<String>,
        /// Tables written to, altered or dropped.
        tables_written: Vec<String>,
        /// A statement reads rows.
        reads: bool,
        /// A statement changes data, structure or rights.
        writes: bool,
        /// A statement deletes rows or objects.
        deletes: bool,
        /// A statement changes the structure.
        ddl: bool,
        /// A statement changes rights.
        rights: bool,
        /// An UPDATE or DELETE without a condition that bounds it, a TRUNCATE or a DROP.
        unbounded: bool,
        /// A SELECT without a condition, limit or aggregate that bounds it.
        unbounded_read: bool,
        /// More than one statement that does something.
        stacked: bool,
        /// A condition that is always true, such as `1=1`.
        tautology: bool,
        /// A comment cuts the statement off.
        comment: bool,
        /// A UNION joins another SELECT.
        set_operation: bool,
        /// Functions that wait, read files, run commands or reach the network.
        functions: Vec<String>,
        /// The statement's own row limit, -1 when there is none.
        limit: i64,
        /// Rows that it may touch: observed, else the limit, else 1 for an equality on a key, else 1000000 when unbounded, else 1000.
        row_estimate: i64,
    }
}

impl SqlFacts {
    /// Computes the group.
    #[must_use]
    pub fn compute(_input: FactInput<'_>) -> Self {
        Self::default()
    }
}
