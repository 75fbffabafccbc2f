//! The files of a bundle: in a directory, as texts, or built in.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use interlock_core::model::Layer;

use crate::compile::SOURCES_MAX;
use crate::diagnostic::{Diagnostic, Reports, Severity, SourceText, nearest};
use crate::document::{self, FILE_BYTES_MAX};

/// Directories below the bundle's that are searched.
const DIRECTORY_DEPTH_MAX: usize = 8;
/// How far `extends` may lead.
const EXTENDS_DEPTH_MAX: usize = 16;

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name that messages use; what ends in `.cedar` is plain Cedar, everything else YAML.
    pub name: String,
    /// The text.
    pub text: String,
    /// The layer, when the place of the file tells it; `layer:` in the file comes first.
    pub layer: Option<Layer>,
    /// Brought in by another file's `extends`.
    pub(crate) extended: bool,
}

impl Source {
    /// A file that a caller holds as text.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            layer: None,
            extended: false,
        }
    }

    /// The same file in a layer.
    #[must_use]
    pub fn in_layer(mut self, layer: Layer) -> Self {
        self.layer = Some(layer);
        self
    }

    pub(crate) fn is_cedar(&self) -> bool {
        self.name.ends_with(".cedar")
    }
}

/// The bundles that come with Interlock: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("default", include_str!("../bundles/default.yaml")),
    ("strict", include_str!("../bundles/strict.yaml")),
    ("permissive", include_str!("../bundles/permissive.yaml")),
    ("hipaa", include_str!("../bundles/hipaa.yaml")),
    ("pci-dss", include_str!("../bundles/pci-dss.yaml")),
    ("sox", include_str!("../bundles/sox.yaml")),
    ("gdpr", include_str!("../bundles/gdpr.yaml")),
];

/// The built-in bundle of that name, as a file.
#[must_use]
pub fn built_in(name: &str) -> Option<Source> {
    BUILT_IN
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(n, text)| Source::new(format!("built-in/{n}.yaml"), *text))
}

/// The layer called `name`.
#[must_use]
pub fn layer_from_name(name: &str) -> Option<Layer> {
    match name {
        "organisation" | "organization" => Some(Layer::Organisation),
        "team" => Some(Layer::Team),
        "agent" => Some(Layer::Agent),
        _ => None,
    }
}

/// The files of what people name as a policy: a built-in bundle, a file, or a directory.
///
/// # Errors
/// When there is nothing of that name, or as [`load`].
pub fn named(name: &str) -> Result<Vec<Source>, Box<Diagnostic>> {
    if let Some(source) = built_in(name) {
        return Ok(vec![source]);
    }
    let path = Path::new(name);
    if path.exists() {
        return load(path);
    }
    let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    let mut missing = unreadable(path, "is no policy: there is nothing of that name");
    missing.help = Some(format!(
        "give a file, a directory, or one of {}",
        known.join(", ")
    ));
    Err(missing)
}

/// Reads a bundle from a file, or from a directory with everything below it that ends in `.yaml`,
/// `.yml` or `.cedar`; directories called `organisation`, `team` and `agent` are layers.
///
/// # Errors
/// Names the file that cannot be read, or the limit that is passed.
pub fn load(path: &Path) -> Result<Vec<Source>, Box<Diagnostic>> {
    let mut sources = Vec::new();
    if path.is_dir() {
        walk(path, path, None, 0, &mut sources)?;
        if sources.is_empty() {
            return Err(unreadable(
                path,
                "holds no file ending in `.yaml`, `.yml` or `.cedar`",
            ));
        }
    } else {
        sources.push(read(path, &path.display().to_string(), None)?);
    }
    Ok(sources)
}

fn walk(
    root: &Path,
    directory: &Path,
    layer: Option<Layer>,
    depth: usize,
    out: &mut Vec<Source>,
) -> Result<(), Box<Diagnostic>> {
    if depth > DIRECTORY_DEPTH_MAX {
        return Err(unreadable(
            directory,
            &format!("is deeper than the limit of {DIRECTORY_DEPTH_MAX} directories"),
        ));
    }
    let entries = fs::read_dir(directory).map_err(|e| unreadable(directory, &e.to_string()))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(
            entry
                .map_err(|e| unreadable(directory, &e.to_string()))?
                .path(),
        );
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if name.starts_with('.') {
            continue;
        }
        // A link to a directory is not followed: it could lead in a circle.
        if path.is_dir() && !path.is_symlink() {
            let layer = layer_from_name(name).or(layer);
            walk(root, &path, layer, depth + 1, out)?;
        } else if [".yaml", ".yml", ".cedar"]
            .iter()
            .any(|ending| name.ends_with(ending))
        {
            if out.len() >= SOURCES_MAX {
                return Err(unreadable(
                    root,
                    &format!("holds more than the limit of {SOURCES_MAX} files"),
                ));
            }
            out.push(read(&path, &path.display().to_string(), layer)?);
        }
    }
    Ok(())
}

fn read(path: &Path, name: &str, layer: Option<Layer>) -> Result<Source, Box<Diagnostic>> {
    let failed = |e: std::io::Error| unreadable(path, &e.to_string());
    // Looked at before it is opened: opening a pipe waits for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(unreadable(path, "is neither a file nor a directory"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(unreadable(
            path,
            &format!("has more than {FILE_BYTES_MAX} bytes, which is the limit"),
        ));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        unreadable(path, &format!("is not UTF-8 at byte {at}"))
    })?;
    Ok(Source {
        layer,
        ..Source::new(name, text)
    })
}

fn unreadable(path: &Path, why: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic {
        severity: Severity::Error,
        code: "policy.unreadable",
        message: format!("`{}` {why}", path.display()),
        help: None,
        file: path.display().to_string(),
        line: 0,
        column: 0,
        width: 1,
        excerpt: String::new(),
    })
}

/// Adds what `extends` names, built-in bundles and other files of the bundle, each once, and
/// orders everything from the lowest layer to the uppermost.
pub(crate) fn resolve(given: &[Source]) -> Result<Vec<Source>, Vec<Diagnostic>> {
    let mut resolving = Resolving {
        given,
        done: BTreeMap::new(),
        path: Vec::new(),
        out: Vec::new(),
        found: Vec::new(),
    };
    for source in given {
        resolving.visit(source.clone());
    }
    if !resolving.found.is_empty() {
        return Err(resolving.found);
    }
    let mut out = resolving.out;
    // Lower layers first: an upper layer's settings are written over them. The sort is stable, so
    // that what is extended stays before what extends it.
    out.sort_by_key(|s| std::cmp::Reverse(s.layer.unwrap_or_default()));
    Ok(out)
}

struct Resolving<'a> {
    given: &'a [Source],
    done: BTreeMap<String, ()>,
    path: Vec<String>,
    out: Vec<Source>,
    found: Vec<Diagnostic>,
}

impl Resolving<'_> {
    fn visit(&mut self, source: Source) {
        if self.done.contains_key(&source.name) {
            return;
        }
        self.path.push(source.name.clone());
        let mut wanted = Vec::new();
        let mut own_layer = source.layer;
        if !source.is_cedar() && source.text.len() <= FILE_BYTES_MAX {
            let text = SourceText::new(&source.name, &source.text);
            // What is wrong with the file otherwise is reported when it is compiled.
            let mut unreported = Reports::new(&text);
            if let Some(root) = document::parse(&mut unreported)
                && let document::Kind::Map(entries) = &root.kind
            {
                let mut reports = Reports::new(&text);
                if let Some(e) = entries.iter().find(|e| e.key == "layer")
                    && let document::Kind::Text(name) = &e.value.kind
                {
                    own_layer = layer_from_name(name).or(own_layer);
                }
                if let Some(entry) = entries.iter().find(|e| e.key == "extends") {
                    for (name, span) in entry.value.texts(&mut reports, "`extends`") {
                        match self.find(name, &source) {
                            Ok(found) => wanted.push((found, span)),
                            Err(help) => reports.error_help(
                                "policy.unknown-bundle",
                                span,
                                format!("`extends` names `{name}`, which is neither built in nor a file of this bundle"),
                                help,
                            ),
                        }
                    }
                }
                for (found, span) in &wanted {
                    if let Some(at) = self.path.iter().position(|n| *n == found.name) {
                        let circle: Vec<&str> = self
                            .path
                            .iter()
                            .skip(at)
                            .map(String::as_str)
                            .chain([found.name.as_str()])
                            .collect();
                        reports.error(
                            "policy.cycle",
                            span.clone(),
                            format!("`extends` leads in a circle: {}", circle.join(" → ")),
                        );
                    } else if self.path.len() > EXTENDS_DEPTH_MAX {
                        reports.error(
                            "policy.limit",
                            span.clone(),
                            format!(
                                "`extends` leads further than the limit of {EXTENDS_DEPTH_MAX}"
                            ),
                        );
                    }
                }
                self.found.append(&mut reports.found);
            }
        }
        if self.found.is_empty() {
            for (found, _) in wanted {
                self.visit(found);
            }
        }
        self.path.pop();
        self.done.insert(source.name.clone(), ());
        self.out.push(Source {
            layer: own_layer,
            ..source
        });
    }

    fn find(&self, name: &str, from: &Source) -> Result<Source, Option<String>> {
        let beside = Path::new(&from.name).parent().map(|p| p.join(name));
        let file = self
            .given
            .iter()
            .find(|s| s.name == name || beside.as_deref().is_some_and(|b| Path::new(&s.name) == b));
        if let Some(file) = file {
            return Ok(file.clone());
        }
        match built_in(name) {
            Some(source) => Ok(Source {
                extended: true,
                // A built-in bundle belongs to the layer that asks for it.
                layer: from.layer,
                ..source
            }),
            None => Err(nearest(name, BUILT_IN.iter().map(|(n, _)| *n))
                .map(|near| format!("did you mean `{near}`?"))),
        }
    }
}
