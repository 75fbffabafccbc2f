//! The table of what one detector can report.

/// Defines the finding codes of one vector: a static each, `CODES`, and `FAILED` among them.
macro_rules! codes {
    ($vector:ident, $prefix:literal; $($name:ident = $code:literal, $summary:literal, [$($tag:literal),*];)*) => {
        $(
            #[doc = $summary]
            static $name: $crate::model::FindingCode = $crate::model::FindingCode {
                code: concat!($prefix, ".", $code),
                vector: $crate::model::Vector::$vector,
                summary: $summary,
                tags: &[$($tag),*],
            };
        )*
        /// The detector itself failed on this input.
        static FAILED: $crate::model::FindingCode = $crate::model::FindingCode {
            code: concat!($prefix, ".detector-failed"),
            vector: $crate::model::Vector::$vector,
            summary: "the detector failed on this input, so the worst is assumed",
            tags: &[],
        };
        static CODES: &[&$crate::model::FindingCode] = &[$(&$name,)* &FAILED];
    };
}

pub(super) use codes;
