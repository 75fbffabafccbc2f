//! What became of an action.

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutcomeStatus {
    /// It ran and succeeded.
    Succeeded,
    /// It ran and failed.
    Failed,
    /// It did not run.
    NotRun,
    /// Nobody reported.
    Unknown,
}

impl OutcomeStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Succeeded, Self::Failed, Self::NotRun, Self::Unknown];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::NotRun => "not_run",
            Self::Unknown => "unknown",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// The second half of an action: what the enforcement point reports after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub status: OutcomeStatus,
    /// How long it took, in milliseconds.
    pub latency_ms: i64,
    /// What it cost, in billionths of a US dollar.
    pub cost_nano_usd: i64,
    /// Bytes of the result.
    pub result_bytes: i64,
    /// Rows of the result, as observed.
    pub rows: Option<i64>,
    /// The result's text; untrusted, goes through the detectors before the agent sees it.
    pub result: Option<String>,
}
