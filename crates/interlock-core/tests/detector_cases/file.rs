//! The file of a detector's cases: what it is about, what must be reported, what must not, and what
//! is known to be missed.

use std::path::Path;

use interlock_core::model::Vector;

/// The cases of one vector.
#[derive(Debug)]
pub(crate) struct CaseFile {
    /// The vector's name for people.
    pub(crate) title: String,
    /// Code without the vector's prefix, and case.
    pub(crate) positive: Vec<(String, String)>,
    /// Cases in which nothing may be reported.
    pub(crate) benign: Vec<String>,
    /// Cases in which nothing is reported though something should be, and why.
    pub(crate) misses: Vec<(String, String)>,
}

impl CaseFile {
    /// Reads `<vector>.md` of `folder`.
    pub(crate) fn read(folder: &Path, vector: Vector) -> Self {
        let path = folder.join(format!("{}.md", vector.name()));
        let text = std::fs::read_to_string(&path).unwrap();
        let mut file = Self {
            title: String::new(),
            positive: Vec::new(),
            benign: Vec::new(),
            misses: Vec::new(),
        };
        let mut section = "";
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(title) = line.strip_prefix("# ") {
                title.clone_into(&mut file.title);
            } else if let Some(title) = line.strip_prefix("## ") {
                section = title;
            }
            let Some(line) = line.strip_prefix("- ") else {
                continue;
            };
            match section {
                "Positive" => {
                    let (code, case) = line
                        .strip_prefix('`')
                        .and_then(|l| l.split_once("` "))
                        .unwrap_or_else(|| panic!("a positive names its code: {line}"));
                    file.positive.push((code.to_owned(), case.to_owned()));
                }
                "Benign" => file.benign.push(line.to_owned()),
                "Known misses" => {
                    let why = lines.peek().and_then(|l| l.strip_prefix("  "));
                    let why = why.unwrap_or_else(|| panic!("a known miss says why: {line}"));
                    file.misses.push((line.to_owned(), why.trim().to_owned()));
                }
                other => panic!("case in section `{other}`"),
            }
        }
        file
    }
}
