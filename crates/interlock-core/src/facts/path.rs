//! Which path is touched.
//!
//! Paths are normalised lexically: separators, `.`, `..`, drive letters, `~` and `$HOME`. What the
//! enforcement point resolved wins over what was written, since links are invisible here. A path
//! that holds a null character or is too long is not understood and takes the dangerous values.

use super::shell::ShellFacts;
use super::{FactInput, fact_group, set_insert};
use crate::model::limits::RESOURCE_BYTES_MAX;
use crate::model::{Action, ActionType, Object, Value};
use crate::program::glob::Glob;

fact_group! {
    /// Which path.
    PathFacts {
        /// The action names a path.
        present: bool,
        /// The path was understood; when it was not, the dangerous values hold.
        parsed: bool,
        /// The path: observed if the enforcement point resolved it, else normalised lexically; the first one when there are several.
        name: String,
        /// Every path named, by tool arguments or shell, normalised; also the percent-decoded reading of one that differs.
        names: Vec<String>,
        /// The name's extension in lower case, without the dot.
        extension: String,
        /// A path as given climbs out with `..`.
        traversal: bool,
        /// The path is absolute.
        absolute: bool,
        /// A path holds a wildcard.
        wildcard: bool,
        /// A path is a known place of secrets: `.env`, keys, credentials, shadow, cloud configuration.
        secret: bool,
        /// A path belongs to the system: `/etc`, `/usr`, `/boot`, `/proc`, `/sys`, `/dev`.
        system: bool,
        /// Some part starts with a dot.
        hidden: bool,
        /// Bytes read or written, as observed; -1 when unknown.
        bytes: i64,
    }
}

/// Paths kept of one action; what lies beyond makes the group unparsed.
const PATHS_MAX: usize = 64;

/// Arguments that name a file whatever they look like.
const FILE_KEYS: &[&str] = &[
    "file",
    "file_name",
    "file_path",
    "filename",
    "filenames",
    "filepath",
    "files",
    "pathname",
    "paths",
];

/// Arguments that name a file when the value looks like one.
const PLACE_KEYS: &[&str] = &[
    "attachment",
    "attachments",
    "dest",
    "destination",
    "dir",
    "directory",
    "dst",
    "folder",
    "from",
    "input",
    "input_file",
    "new_path",
    "old_path",
    "output",
    "output_file",
    "save_path",
    "source",
    "src",
    "target",
    "target_path",
    "to",
];

impl PathFacts {
    /// Computes the group from the action and what its shell command touches.
    #[must_use]
    pub fn compute(input: FactInput<'_>, shell: &ShellFacts) -> Self {
        let mut facts = Self::default();
        let action = input.action;
        let mut given = Vec::new();
        collect(action, &mut given);
        let observed = action.observed.path_resolved.as_deref();
        let touched = || {
            shell
                .deletes
                .iter()
                .chain(&shell.writes)
                .chain(&shell.reads)
        };
        if given.is_empty() && observed.is_none() && touched().next().is_none() {
            return facts;
        }
        facts.present = true;
        facts.parsed = true;
        facts.bytes = action.observed.bytes.unwrap_or(-1);
        let mut first = true;
        if let Some(resolved) = observed {
            facts.add(&normalise(resolved), &mut first);
            // The resolved path is what counts; of the written one only its way of climbing does.
            if let Some((written, rest)) = given.split_first() {
                facts.traversal |= normalise(written).traversal;
                given = rest.to_vec();
            }
        }
        for path in given.into_iter().chain(touched().map(String::as_str)) {
            if facts.names.len() >= PATHS_MAX {
                facts.parsed = false;
                break;
            }
            facts.add(&normalise(path), &mut first);
            if let Some(decoded) = percent_decoded(path) {
                let reading = normalise(&decoded);
                facts.parsed &= reading.parsed;
                facts.traversal |= reading.traversal;
                facts.secret |= is_secret(&reading.name);
                facts.system |= is_system(&reading.name);
                set_insert(&mut facts.names, &reading.name);
            }
        }
        if !facts.parsed {
            facts.traversal = true;
            facts.secret = true;
            facts.system = true;
        }
        facts
    }

    fn add(&mut self, path: &NormalisedPath, first: &mut bool) {
        self.parsed &= path.parsed;
        self.traversal |= path.traversal;
        self.wildcard |= path.wildcard;
        self.secret |= is_secret(&path.name);
        self.system |= is_system(&path.name);
        self.hidden |= is_hidden(&path.name);
        set_insert(&mut self.names, &path.name);
        if *first {
            *first = false;
            self.absolute = path.absolute;
            self.extension = extension(&path.name);
            self.name.clone_from(&path.name);
        }
    }
}

/// A path after lexical normalisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalisedPath {
    /// The path with `/` as separator, without `.`, empty parts and resolvable `..`.
    pub name: String,
    /// It was understood.
    pub parsed: bool,
    /// It climbs: `..` in an absolute path, or above the start of a relative one.
    pub traversal: bool,
    /// It is absolute, or starts at a home directory, a drive or a share.
    pub absolute: bool,
    /// It holds `*`, `?`, or `[`.
    pub wildcard: bool,
}

/// Normalises a path lexically; links are not followed, as nothing here looks at a disk.
///
/// `/` and `\` both separate, since the reader of the path may be either kind of system. A
/// `file:` URL is taken as its path, percent-decoded.
#[must_use]
pub fn normalise(path: &str) -> NormalisedPath {
    let mut text = path.trim_matches([' ', '\t', '\r', '\n']);
    let decoded;
    if let Some(rest) = strip_file_scheme(text) {
        decoded = percent_decoded(rest);
        text = decoded.as_deref().unwrap_or(rest);
    }
    let mut parsed = !text.contains('\0');
    text = text.split('\0').next().unwrap_or_default();
    if text.len() > RESOURCE_BYTES_MAX {
        parsed = false;
        let mut end = RESOURCE_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text = text.get(..end).unwrap_or_default();
    }
    for prefix in ["\\\\?\\", "\\\\.\\", "//?/"] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    let mut name = String::with_capacity(text.len());
    // `root` bytes are never popped.
    let mut rest = text;
    let share = text.starts_with("\\\\");
    if share {
        name.push_str("//");
    } else if let [drive, b':', ..] = text.as_bytes()
        && drive.is_ascii_alphabetic()
    {
        name.push(char::from(drive.to_ascii_lowercase()));
        name.push_str(":/");
        rest = text.get(2..).unwrap_or_default();
    } else if text.starts_with(['/', '\\']) {
        name.push('/');
    } else if let Some(home) = strip_home(text) {
        name.push_str("~/");
        rest = home;
    } else if text.starts_with('~') {
        // `~user`: the tilde part is the root.
        let end = text.find(['/', '\\']).unwrap_or(text.len());
        let (user, below) = text.split_at_checked(end).unwrap_or((text, ""));
        name.push_str(user);
        name.push('/');
        rest = below;
    }
    let root = name.len();
    let absolute = root > 0;
    let mut traversal = false;
    for part in rest.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                traversal |= absolute;
                let tail = name.get(root..).unwrap_or_default();
                let last = tail.rsplit('/').next().unwrap_or_default();
                if tail.is_empty() || last == ".." {
                    traversal = true;
                    if !absolute || name.starts_with('~') {
                        push_part(&mut name, root, "..");
                    }
                } else {
                    let cut = tail.rfind('/').unwrap_or(0);
                    name.truncate(root + cut);
                }
            }
            _ => push_part(&mut name, root, part),
        }
    }
    if name.len() == root && root > 1 && !name.ends_with(":/") {
        name.pop();
    }
    if name.is_empty() {
        name.push('.');
    }
    NormalisedPath {
        wildcard: name.contains(['*', '?', '[']),
        name,
        parsed,
        traversal,
        absolute,
    }
}

fn push_part(name: &mut String, root: usize, part: &str) {
    if name.len() > root {
        name.push('/');
    }
    name.push_str(part);
}

fn strip_home(text: &str) -> Option<&str> {
    for home in ["~", "$HOME", "${HOME}", "%USERPROFILE%"] {
        if let Some(rest) = text.strip_prefix(home)
            && (rest.is_empty() || rest.starts_with(['/', '\\']))
        {
            return Some(rest);
        }
    }
    None
}

/// The path of a `file:` URL; one with a foreign host becomes a share.
pub(super) fn strip_file_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case("file:") {
        return None;
    }
    let Some(authority) = rest.strip_prefix("//") else {
        return Some(rest);
    };
    if let Some(local) = authority.strip_prefix("localhost") {
        return Some(local);
    }
    let path = authority;
    // `file:///C:/x` names the drive, not a folder called `C:`.
    match path.as_bytes() {
        [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() => path.get(1..),
        _ => Some(path),
    }
}

/// The text after at most two rounds of percent-decoding, if that changes it.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let once = decode_once(text)?;
    Some(decode_once(&once).unwrap_or(once))
}

fn decode_once(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let mut changed = false;
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let hex = |b: Option<u8>| char::from(b?).to_digit(16);
        if byte == b'%'
            && let Some(high) = hex(ahead.next())
            && let Some(low) = hex(ahead.next())
        {
            out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            bytes = ahead;
            changed = true;
        } else {
            out.push(byte);
        }
    }
    changed.then(|| String::from_utf8_lossy(&out).into_owned())
}

/// Whether a text looks like a path: absolute, at home, on a drive, explicitly relative, or a
/// `file:` URL.
pub(super) fn looks_like_path(text: &str) -> bool {
    match text.as_bytes() {
        [b'/', b'/', ..] => false,
        [b'/' | b'~', ..] | [b'\\', b'\\', ..] | [b'.', b'/' | b'\\', ..] => true,
        [b'.', b'.', b'/' | b'\\', ..] | [b'$', b'H', b'O', b'M', b'E', b'/', ..] => true,
        [drive, b':', b'/' | b'\\', ..] => drive.is_ascii_alphabetic(),
        _ => strip_file_scheme(text).is_some(),
    }
}

fn is_foreign_url(text: &str) -> bool {
    text.contains("://") && strip_file_scheme(text).is_none()
}

fn collect<'a>(action: &'a Action, out: &mut Vec<&'a str>) {
    let resource = action.resource.trim();
    let file_type = matches!(
        action.action_type,
        ActionType::FileRead | ActionType::FileWrite | ActionType::FileDelete
    );
    // Of a request the path is that of a URL; of a program run the resource is the program.
    let request = matches!(
        action.action_type,
        ActionType::ApiCall | ActionType::NetworkRequest
    );
    let runs = matches!(
        action.action_type,
        ActionType::CodeExecution | ActionType::ProcessSpawn
    );
    let resource_is_path = if file_type {
        !resource.is_empty() && !is_foreign_url(resource)
    } else if request {
        strip_file_scheme(resource).is_some()
    } else {
        !runs && looks_like_path(resource)
    };
    if resource_is_path {
        out.push(resource);
    }
    for root in [&action.arguments, &action.payload] {
        if let Some(object) = root.as_object() {
            collect_object(object, request, out, 0);
        }
    }
}

fn collect_object<'a>(object: &'a Object, request: bool, out: &mut Vec<&'a str>, depth: usize) {
    for (key, value) in object.iter() {
        let named = FILE_KEYS.binary_search(&key).is_ok() || (key == "path" && !request);
        let placed = !named && (PLACE_KEYS.binary_search(&key).is_ok() || key == "path");
        match value {
            Value::String(text) => push_path(text, named, placed && !request, out),
            Value::Array(items) if named || placed => {
                for text in items.iter().filter_map(Value::as_str) {
                    push_path(text, named, placed, out);
                }
            }
            Value::Object(inner) if depth < 3 => collect_object(inner, request, out, depth + 1),
            _ => {}
        }
    }
}

fn push_path<'a>(text: &'a str, named: bool, placed: bool, out: &mut Vec<&'a str>) {
    let text = text.trim();
    let path = if named {
        !text.is_empty() && !is_foreign_url(text)
    } else {
        (placed && looks_like_path(text)) || strip_file_scheme(text).is_some()
    };
    // One past the limit is kept, so that the caller sees that it was passed.
    if path && out.len() <= PATHS_MAX && !out.contains(&text) {
        out.push(text);
    }
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn extension(name: &str) -> String {
    match base(name).rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() => ext.to_ascii_lowercase(),
        _ => String::new(),
    }
}

fn is_hidden(name: &str) -> bool {
    name.split('/')
        .any(|part| part.starts_with('.') && part != "." && part != "..")
}

const SYSTEM_ROOTS: &[&str] = &[
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "sbin", "sys", "usr",
];

/// Devices that hold nothing.
const HARMLESS_DEVICES: &[&str] = &[
    "/dev/fd",
    "/dev/null",
    "/dev/stderr",
    "/dev/stdin",
    "/dev/stdout",
    "/dev/tty",
];

/// Whether a normalised path belongs to the operating system.
#[must_use]
pub fn is_system(name: &str) -> bool {
    if let Some(rest) = name.strip_prefix('/') {
        let rest = rest.strip_prefix("private/").unwrap_or(rest);
        let root = rest.split('/').next().unwrap_or_default();
        let harmless = HARMLESS_DEVICES.iter().any(|d| {
            name.strip_prefix(d)
                .is_some_and(|r| r.is_empty() || r.starts_with('/'))
        });
        // A case-insensitive disk reads `/ETC` as `/etc`.
        return !harmless && SYSTEM_ROOTS.iter().any(|s| root.eq_ignore_ascii_case(s));
    }
    match name.split_once(":/") {
        Some((drive, rest)) if drive.len() == 1 => {
            let root = rest.split('/').next().unwrap_or_default();
            [
                "windows",
                "program files",
                "program files (x86)",
                "programdata",
            ]
            .iter()
            .any(|s| root.eq_ignore_ascii_case(s))
        }
        _ => false,
    }
}

const SECRET_BASES: &[&str] = &[
    ".aws-credentials",
    ".dockercfg",
    ".env",
    ".git-credentials",
    ".htpasswd",
    ".my.cnf",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".s3cfg",
    ".vault-token",
    "application_default_credentials.json",
    "authorized_keys",
    "credentials",
    "credentials.json",
    "credentials.yaml",
    "credentials.yml",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "kubeconfig",
    "login.keychain",
    "logins.json",
    "master.key",
    "secrets",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
    "service-account.json",
    "service_account.json",
    "terraform.tfstate",
    "wp-config.php",
];

const SECRET_EXTENSIONS: &[&str] = &["jks", "kdbx", "key", "keystore", "p12", "pem", "pfx", "ppk"];

/// Folders whose contents are secrets, except public keys and host lists.
const SECRET_FOLDERS: &[&str] = &[".aws", ".azure", ".gnupg", ".kube", ".ssh"];

const SECRET_PLACES: &[&str] = &[
    "/.config/gcloud",
    "/.docker/config.json",
    "/etc/gshadow",
    "/etc/kubernetes/pki",
    "/etc/master.passwd",
    "/etc/shadow",
    "/etc/ssl/private",
    "/etc/sudoers",
    "/run/secrets",
    "/windows/system32/config/sam",
];

/// Templates of environment files, which hold no values.
const ENV_TEMPLATES: &[&str] = &["dist", "example", "sample", "template"];

/// Whether a normalised path is a known place of secrets.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let folded;
    let name = if name.bytes().any(|b| b.is_ascii_uppercase()) {
        folded = name.to_ascii_lowercase();
        folded.as_str()
    } else {
        name
    };
    let base = base(name);
    let (stem, ext) = base.rsplit_once('.').unwrap_or((base, ""));
    if ext == "pub" || (base == "known_hosts" && name.contains(".ssh/")) {
        return false;
    }
    if SECRET_BASES.binary_search(&base).is_ok() {
        return true;
    }
    if ext == "env" || (!stem.is_empty() && SECRET_EXTENSIONS.binary_search(&ext).is_ok()) {
        return true;
    }
    if let Some(kind) = base.strip_prefix(".env.") {
        return !ENV_TEMPLATES.contains(&kind);
    }
    if name.split('/').any(|part| SECRET_FOLDERS.contains(&part)) {
        return true;
    }
    let mut from = name;
    while let Some(at) = from.find('/') {
        let (_, tail) = from.split_at_checked(at).unwrap_or(("", ""));
        if SECRET_PLACES.iter().any(|place| {
            tail.strip_prefix(place)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '-']))
        }) {
            return true;
        }
        from = tail.get(1..).unwrap_or_default();
    }
    if name.starts_with("/proc/") && (base == "environ" || base == "mem") {
        return true;
    }
    // A wildcard that spells part of a secret's name: `.e*`, `id_?sa`.
    if base.contains(['*', '?', '[']) && base.bytes().any(|b| b.is_ascii_alphanumeric()) {
        let glob = Glob::new(base);
        return ["shadow"].iter().chain(SECRET_BASES).any(|secret| {
            // As in a shell, a leading wildcard does not match a leading dot.
            (base.starts_with('.') || !secret.starts_with('.')) && glob.matches(secret)
        });
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tables_are_sorted_for_binary_search() {
        for table in [FILE_KEYS, PLACE_KEYS, SECRET_BASES, SECRET_EXTENSIONS] {
            assert!(table.is_sorted(), "{table:?}");
        }
    }

    proptest! {
        #[test]
        fn normal_form_is_stable_and_climbs_nowhere(path in "[a./\\\\~%*]{0,24}") {
            let once = normalise(&path);
            // A share keeps the two slashes that a path has not.
            prop_assume!(!once.name.starts_with("//"));
            let twice = normalise(&once.name);
            prop_assert_eq!(&twice.name, &once.name);
            if once.name.starts_with('/') {
                prop_assert!(!once.name.split('/').any(|part| part == ".." || part == "."), "{}", once.name);
            }
        }

        #[test]
        fn any_text_is_taken(path in "\\PC{0,80}") {
            let name = normalise(&path).name;
            let _ = (is_secret(&name), is_system(&name), looks_like_path(&path));
            prop_assert!(!name.is_empty());
        }
    }
}
