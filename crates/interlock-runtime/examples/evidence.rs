//! How long a large bundle of evidence takes to write and to verify.
//!
//!     cargo run --release -p interlock-runtime --example evidence -- 1000000
//!
//! Prints seconds for the export and for each verifier, and shows that one changed byte is named.

#[path = "../tests/it/large_evidence.rs"]
mod large_evidence;

fn main() -> Result<(), large_evidence::Failure> {
    let entries = std::env::args()
        .nth(1)
        .map_or(Ok(large_evidence::ENTRIES_WHOLE), |n| n.parse())?;
    large_evidence::export_and_verify(entries)
}
