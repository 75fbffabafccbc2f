//! Holds what `ARCHITECTURE.md` says of dependencies against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// For each crate of the workspace, the crates of the workspace that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("interlock-features", &[]),
    ("interlock-core", &[]),
    ("interlock-deep", &[]),
    (
        "interlock-policy",
        &["interlock-core", "interlock-features"],
    ),
    ("interlock-filter", &[]),
    ("interlock-store", &["interlock-core", "interlock-filter"]),
    ("interlock-effects", &["interlock-features"]),
    (
        "interlock-evidence",
        &["interlock-core", "interlock-features"],
    ),
    (
        "interlock-runtime",
        &[
            "interlock-core",
            "interlock-evidence",
            "interlock-policy",
            "interlock-store",
        ],
    ),
    (
        "interlock-python",
        &[
            "interlock-core",
            "interlock-effects",
            "interlock-policy",
            "interlock-runtime",
            "interlock-store",
        ],
    ),
    (
        "interlock-node",
        &[
            "interlock-core",
            "interlock-effects",
            "interlock-policy",
            "interlock-runtime",
            "interlock-store",
        ],
    ),
    (
        "interlock-server",
        &[
            "interlock-core",
            "interlock-filter",
            "interlock-policy",
            "interlock-runtime",
            "interlock-store",
        ],
    ),
    (
        "interlock-cli",
        &[
            "interlock-core",
            "interlock-deep",
            "interlock-evidence",
            "interlock-filter",
            "interlock-policy",
            "interlock-runtime",
            "interlock-server",
            "interlock-store",
        ],
    ),
    (
        "xtask",
        &[
            "interlock-core",
            "interlock-filter",
            "interlock-policy",
            "interlock-runtime",
            "interlock-server",
            "interlock-store",
        ],
    ),
];

/// What must not be anywhere below a crate.
const BARRED: &[(&str, &[&str])] = &[
    (
        "interlock-core",
        &[
            "tokio",
            "serde",
            "rusqlite",
            "hyper",
            "axum",
            "cedar-policy",
            "reqwest",
        ],
    ),
    ("interlock-policy", &["tokio", "rusqlite", "hyper", "axum"]),
    (
        "interlock-store",
        &["tokio", "hyper", "axum", "cedar-policy"],
    ),
    ("interlock-runtime", &["tokio", "hyper", "axum"]),
];

type Graph = BTreeMap<String, BTreeSet<String>>;

fn metadata() -> (BTreeSet<String>, Graph) {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["id"].as_str().unwrap(), p["name"].as_str().unwrap()))
        .collect();
    let members = metadata["workspace_members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| names[id.as_str().unwrap()].to_owned())
        .collect();
    let mut graph = Graph::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let entry = graph
            .entry(names[node["id"].as_str().unwrap()].to_owned())
            .or_default();
        for dependency in node["deps"].as_array().unwrap() {
            let normal = dependency["dep_kinds"]
                .as_array()
                .unwrap()
                .iter()
                .any(|k| k["kind"].is_null());
            if normal {
                entry.insert(names[dependency["pkg"].as_str().unwrap()].to_owned());
            }
        }
    }
    (members, graph)
}

fn below(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(name) = open.pop() {
        for dependency in graph.get(&name).into_iter().flatten() {
            if seen.insert(dependency.clone()) {
                open.push(dependency.clone());
            }
        }
    }
    seen
}

#[test]
fn dependencies_point_one_way() {
    let (members, graph) = metadata();
    for member in &members {
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(name, _)| name == member)
            .unwrap_or_else(|| panic!("`{member}` has no line in ALLOWED"));
        for dependency in graph[member].intersection(&members) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "`{member}` must not depend on `{dependency}`"
            );
        }
    }
    for (member, barred) in BARRED {
        let below = below(&graph, member);
        for name in *barred {
            assert!(
                !below.contains(*name),
                "`{name}` must not be below `{member}`"
            );
        }
    }
}
