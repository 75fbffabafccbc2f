//! Programs that read, write, copy and delete files.

use super::Options;
use super::network::remote_host;
use crate::facts::shell::eval::{Arg, Eval, is_disk};

impl Eval<'_> {
    pub(super) fn grep(&mut self, args: &[Arg]) {
        let options = Options::parse(
            args,
            "efmABCdDgtT",
            &[
                "regexp",
                "file",
                "include",
                "exclude",
                "max-count",
                "glob",
                "type",
            ],
        );
        if let Some(file) = options.value(&["f", "file"]) {
            self.read(file);
        }
        let skip = usize::from(!options.has(&["e", "regexp", "f", "file"]));
        let mut any = false;
        for file in options.operands.iter().skip(skip) {
            self.read(file);
            any = true;
        }
        if !any && options.has(&["r", "R", "recursive"]) {
            self.read(&Arg::literal("."));
        }
    }

    pub(super) fn sed(&mut self, args: &[Arg]) {
        let options = Options::parse(args, "efl", &["expression", "file", "line-length"]);
        if let Some(file) = options.value(&["f", "file"]) {
            self.read(file);
        }
        let in_place = options.has(&["i", "in-place"]);
        let skip = usize::from(!options.has(&["e", "expression", "f", "file"]));
        for file in options.operands.iter().skip(skip) {
            self.read(file);
            if in_place {
                self.write(file);
            }
        }
    }

    pub(super) fn awk(&mut self, args: &[Arg]) {
        let options = Options::parse(args, "fFv", &["file", "assign", "field-separator"]);
        let mut operands = options.operands.iter();
        if let Some(file) = options.value(&["f", "file"]) {
            self.read(file);
        } else if let Some(program) = operands.next() {
            let mut rest = program.text.as_str();
            let mut bound = 0;
            while let Some((_, after)) = rest.split_once("system(") {
                self.facts.code = true;
                let quoted = after
                    .trim_start()
                    .strip_prefix('"')
                    .and_then(|s| s.split_once('"'));
                match quoted {
                    Some((text, tail)) if bound < 8 => {
                        self.script(text);
                        rest = tail;
                    }
                    _ => {
                        self.facts.dynamic = true;
                        rest = after;
                    }
                }
                bound += 1;
            }
            if program.text.contains("| \"")
                || program.text.contains("|\"")
                || program.text.contains("\" |")
            {
                self.facts.code = true;
                self.facts.dynamic = true;
            }
            for (_, after) in program
                .text
                .match_indices('>')
                .take(8)
                .filter_map(|(i, _)| program.text.split_at_checked(i))
            {
                let target = after.trim_start_matches(['>', ' ']);
                if let Some((file, _)) = target.strip_prefix('"').and_then(|t| t.split_once('"')) {
                    self.write(&Arg::literal(file));
                }
            }
        }
        for file in operands {
            if !file.text.contains('=') {
                self.read(file);
            }
        }
    }

    pub(super) fn remove(&mut self, name: &str, args: &[Arg]) {
        let options = Options::parse(args, if name == "shred" { "ns" } else { "" }, &[]);
        let recursive = name != "shred" && options.has(&["r", "R", "recursive"]);
        for file in &options.operands {
            self.delete(file);
            if recursive {
                self.facts.recursive_delete = true;
                self.check_root(&file.text);
            }
            if is_disk(&self.path(&file.text)) {
                self.facts.destructive = true;
            }
        }
        if recursive && options.has(&["no-preserve-root"]) {
            self.facts.destructive = true;
        }
    }

    /// Deleting the root, a home or a top directory of the system destroys the system's state.
    pub(super) fn check_root(&mut self, text: &str) {
        let path = self.path(text);
        let path = path.strip_suffix("/*").unwrap_or(&path);
        let top = [
            "", "/", "/*", "~", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt",
            "/proc", "/root", "/sbin", "/srv", "/sys", "/usr", "/var",
        ];
        if top.contains(&path) {
            self.facts.destructive = true;
        }
    }

    pub(super) fn copy(&mut self, name: &str, args: &[Arg]) {
        let short = match name {
            "scp" | "rcp" => "PiFoclJS",
            "rsync" => "eTfB",
            "install" => "mogtS",
            _ => "tS",
        };
        let options = Options::parse(
            args,
            short,
            &[
                "target-directory",
                "exclude",
                "include",
                "rsh",
                "mode",
                "owner",
                "group",
                "suffix",
            ],
        );
        let remote = matches!(name, "scp" | "rsync" | "rcp");
        if let (true, Some(key)) = (name == "scp", options.value(&["i"])) {
            self.read(key);
        }
        let mut operands: Vec<&Arg> = options.operands.clone();
        let target = match options.value(&["t", "target-directory"]) {
            Some(target) if matches!(name, "cp" | "mv" | "install" | "ln") => Some(target.clone()),
            _ if operands.len() > 1 => operands.pop().cloned(),
            _ => None,
        };
        for source in operands {
            if remote && let Some(host) = remote_host(&source.text) {
                self.facts.network = true;
                self.host(&host);
                continue;
            }
            if name != "ln" {
                self.read(source);
            } else if target.is_some() {
                // A link makes the file readable under another name.
                self.read(source);
            }
            if name == "mv" {
                self.delete(source);
            }
        }
        if let Some(target) = target {
            if remote && let Some(host) = remote_host(&target.text) {
                self.facts.network = true;
                self.facts.sends = true;
                self.host(&host);
            } else {
                self.write(&target);
                if name == "rsync"
                    && options.has(&["delete", "delete-after", "delete-before", "delete-excluded"])
                {
                    self.facts.recursive_delete = true;
                    self.delete(&target);
                }
            }
        }
        if name == "install"
            && options
                .value(&["m", "mode"])
                .is_some_and(|m| sets_id(&m.text))
        {
            self.facts.elevated = true;
        }
    }

    pub(super) fn tar(&mut self, args: &[Arg]) {
        // The first word may be letters without a dash.
        let mut owned: Vec<Arg> = args.to_vec();
        if let Some(first) = owned.first_mut()
            && !first.text.starts_with('-')
        {
            first.text.insert(0, '-');
        }
        let options = Options::parse(
            &owned,
            "fCTXIbHg",
            &[
                "file",
                "directory",
                "exclude",
                "files-from",
                "use-compress-program",
                "to-command",
                "checkpoint-action",
            ],
        );
        let creates = options.has(&["c", "r", "u", "create", "append", "update"]);
        let base = options.value(&["C", "directory"]).cloned();
        if let Some(archive) = options.value(&["f", "file"]) {
            if creates {
                self.write(archive);
            } else {
                self.read(archive);
            }
        }
        if let Some(list) = options.value(&["T", "files-from"]) {
            self.read(list);
        }
        if options.has(&[
            "to-command",
            "checkpoint-action",
            "use-compress-program",
            "I",
        ]) {
            self.facts.code = true;
            if let Some(action) = options.value(&["checkpoint-action", "to-command"]) {
                let text = action
                    .text
                    .strip_prefix("exec=")
                    .unwrap_or(&action.text)
                    .to_owned();
                self.script(&text);
            }
        }
        let saved = self.cwd.clone();
        if let Some(base) = &base {
            self.change_directory(Some(base));
        }
        if creates {
            for file in &options.operands {
                self.read(file);
            }
            if options.has(&["remove-files"]) {
                for file in &options.operands {
                    self.delete(file);
                }
                self.facts.recursive_delete = true;
            }
        } else if options.has(&["x", "extract", "get"]) {
            self.write(&Arg::literal("."));
        }
        self.cwd = saved;
    }

    pub(super) fn change_mode(&mut self, name: &str, args: &[Arg]) {
        let operands: Vec<&Arg> = args
            .iter()
            .filter(|a| {
                !a.text.starts_with('-') || a.text.starts_with("-x") || a.text.starts_with("-w")
            })
            .collect();
        if let Some((mode, files)) = operands.split_first() {
            if name == "chmod" && sets_id(&mode.text) || name == "setcap" {
                self.facts.elevated = true;
            }
            for file in files {
                self.write(file);
            }
        }
    }
}

/// A mode that makes a program run with its owner's rights: `u+s`, `4755`.
fn sets_id(mode: &str) -> bool {
    let octal = !mode.is_empty() && mode.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if octal {
        return i64::from_str_radix(mode, 8).is_ok_and(|m| m & 0o6000 != 0);
    }
    mode.split(',').any(|clause| {
        clause
            .split_once(['+', '='])
            .is_some_and(|(_, rights)| rights.contains('s'))
    })
}
