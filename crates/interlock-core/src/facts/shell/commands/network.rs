//! Programs that reach the network.

use super::{Options, skip_options};
use crate::facts::shell::eval::{Arg, Eval, Flow};

impl Eval<'_> {
    pub(super) fn curl(&mut self, args: &[Arg]) -> Flow {
        self.facts.network = true;
        let options = Options::parse(
            args,
            "AbcCdDeEFhHKmoPQrTtuUwxXyYz",
            &[
                "data",
                "data-binary",
                "data-raw",
                "data-ascii",
                "data-urlencode",
                "form",
                "form-string",
                "json",
                "upload-file",
                "output",
                "output-dir",
                "header",
                "request",
                "user",
                "user-agent",
                "url",
                "cookie",
                "cookie-jar",
                "config",
                "cert",
                "key",
                "cacert",
                "proxy",
                "referer",
                "max-time",
                "connect-timeout",
                "retry",
                "resolve",
                "connect-to",
                "range",
                "write-out",
                "dump-header",
                "unix-socket",
                "interface",
                "limit-rate",
                "proxy-user",
                "oauth2-bearer",
                "aws-sigv4",
            ],
        );
        let mut sends = false;
        for (option, value) in &options.values {
            match *option {
                "d" | "data" | "data-binary" | "data-ascii" | "data-urlencode" | "json" | "F"
                | "form" => {
                    sends = true;
                    let text = value.text.as_str();
                    let file = if matches!(*option, "F" | "form") {
                        text.split_once(['='])
                            .map_or(text, |(_, v)| v)
                            .split(';')
                            .next()
                            .unwrap_or_default()
                    } else {
                        text.split_once("=@").map_or(text, |_| text)
                    };
                    let file = match *option {
                        "F" | "form" => file.strip_prefix(['@', '<']),
                        "data-urlencode" => text.split_once('@').map(|(_, f)| f),
                        _ => file.strip_prefix('@'),
                    };
                    if let Some(file) = file {
                        self.read(&Arg {
                            text: file.to_owned(),
                            ..value.clone()
                        });
                    }
                }
                "data-raw" | "form-string" => sends = true,
                "T" | "upload-file" => {
                    sends = true;
                    self.read(value);
                }
                "K" | "config" | "cert" | "E" | "key" => self.read(value),
                "H" | "header" | "b" | "cookie" => {
                    if let Some(file) = value.text.strip_prefix('@') {
                        self.read(&Arg {
                            text: file.to_owned(),
                            ..value.clone()
                        });
                    }
                    sends |= value.substituted;
                }
                "o" | "output" => {
                    self.write(value);
                    self.fetched_into(value);
                }
                "c" | "cookie-jar" | "D" | "dump-header" => self.write(value),
                "X" | "request" => {
                    sends |= matches!(
                        value.text.to_ascii_uppercase().as_str(),
                        "POST" | "PUT" | "PATCH"
                    );
                }
                "url" => {
                    sends |= value.substituted || value.text.contains("$OUTPUT");
                    self.url(&value.text.clone());
                }
                "x" | "proxy" | "u" | "user" => {}
                _ => {}
            }
        }
        let remote_name = options.has(&["O", "remote-name", "remote-name-all"]);
        for operand in &options.operands {
            sends |= operand.substituted || operand.text.contains("$OUTPUT");
            self.url(&operand.text);
            if remote_name {
                let path = operand.text.split(['?', '#']).next().unwrap_or_default();
                let file = Arg::literal(path.rsplit('/').next().unwrap_or_default());
                self.write(&file);
                self.fetched_into(&file);
            }
            if let Some(file) = operand.text.strip_prefix("file://") {
                self.read(&Arg::literal(file));
            }
        }
        self.facts.sends |= sends;
        Flow {
            fetched: true,
            piped: true,
            ..Flow::default()
        }
    }

    pub(super) fn wget(&mut self, name: &str, args: &[Arg]) -> Flow {
        self.facts.network = true;
        let options = Options::parse(
            args,
            "OoaPiUtTQlADRIXB",
            &[
                "post-file",
                "post-data",
                "body-file",
                "body-data",
                "output-document",
                "output-file",
                "directory-prefix",
                "input-file",
                "header",
                "user-agent",
                "method",
            ],
        );
        for (option, value) in &options.values {
            match *option {
                "post-file" | "body-file" => {
                    self.facts.sends = true;
                    self.read(value);
                }
                "post-data" | "body-data" => self.facts.sends = true,
                "O" | "output-document" | "o" | "a" | "output-file" | "P" | "directory-prefix" => {
                    self.write(value);
                    self.fetched_into(value);
                }
                "i" | "input-file" => self.read(value),
                "header" => self.facts.sends |= value.substituted,
                "method" => {
                    self.facts.sends |= matches!(
                        value.text.to_ascii_uppercase().as_str(),
                        "POST" | "PUT" | "PATCH"
                    );
                }
                _ => {}
            }
        }
        let saved = options.has(&["O", "output-document"]);
        for operand in &options.operands {
            let text = operand.text.as_str();
            self.facts.sends |= operand.substituted || text.contains("$OUTPUT");
            if matches!(text, "POST" | "PUT" | "PATCH" | "GET" | "DELETE" | "HEAD") {
                self.facts.sends |= matches!(text, "POST" | "PUT" | "PATCH");
                continue;
            }
            if name != "wget" && text.contains('=') && !text.contains("://") {
                self.facts.sends = true;
                if let Some((_, file)) = text.split_once('@') {
                    self.read(&Arg::literal(file));
                }
                continue;
            }
            self.url(text);
            if name == "wget" && !saved {
                let path = text.split(['?', '#']).next().unwrap_or_default();
                if let Some((_, file)) = path
                    .split_once("://")
                    .map_or(path, |(_, p)| p)
                    .rsplit_once('/')
                {
                    let file = if file.is_empty() { "index.html" } else { file };
                    let file = Arg::literal(file);
                    self.write(&file);
                    self.fetched_into(&file);
                }
            }
        }
        Flow {
            fetched: true,
            piped: true,
            ..Flow::default()
        }
    }

    pub(super) fn url(&mut self, text: &str) {
        let rest = match text.split_once("://") {
            Some(("file", _)) => return,
            Some((_, rest)) => rest,
            None => text,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or(v6),
            None => host.split(':').next().unwrap_or(host),
        };
        let host = host.to_owned();
        self.host(&host);
    }

    pub(super) fn connect(&mut self, name: &str, args: &[Arg], input: &Flow) -> Flow {
        self.facts.network = true;
        let short = match name {
            "nc" | "ncat" | "netcat" => "cegiIknoOpPqsTvVwWXx".trim_matches('v'),
            "ping" => "cisStTwWIlMpQm",
            "dig" => "bfkpqtxy",
            _ => "bioPF",
        };
        let short: String = short
            .chars()
            .filter(|c| !matches!(c, 'n' | 'k' | 'v'))
            .collect();
        let options = Options::parse(args, &short, &["exec", "sh-exec"]);
        if matches!(name, "nc" | "ncat" | "netcat") {
            if let Some(program) = options.value(&["e", "c", "exec", "sh-exec"]) {
                let program = program.clone();
                self.facts.sends = true;
                self.code_arg(&program);
            }
            self.facts.sends |= input.piped;
        }
        if matches!(
            name,
            "telnet" | "sftp" | "ftp" | "tftp" | "lftp" | "websocat"
        ) {
            self.facts.sends |= input.piped;
        }
        if name == "socat" {
            for arg in args {
                for part in arg.text.split(',') {
                    let mut fields = part.split(':');
                    match fields.next().map(str::to_ascii_uppercase).as_deref() {
                        Some("EXEC" | "SYSTEM") => {
                            self.facts.sends = true;
                            self.code_arg(&Arg::literal(fields.next().unwrap_or_default()));
                        }
                        Some(kind)
                            if kind.starts_with("TCP")
                                || kind.starts_with("UDP")
                                || kind.starts_with("OPENSSL") =>
                        {
                            self.facts.sends = true;
                            if !kind.contains("LISTEN") {
                                let host = fields.next().unwrap_or_default().to_owned();
                                self.host(&host);
                            }
                        }
                        Some("FILE" | "OPEN" | "GOPEN") => {
                            self.read(&Arg::literal(fields.next().unwrap_or_default()));
                        }
                        _ => {}
                    }
                }
            }
            return Flow {
                fetched: true,
                piped: true,
                ..Flow::default()
            };
        }
        let listens = options.has(&["l", "listen"]);
        let host = options
            .operands
            .iter()
            .find(|o| !o.text.starts_with(['@', '+']));
        if let (Some(host), false) = (host, listens) {
            // A name that holds the output of a command carries it to whoever answers for the name.
            self.facts.sends |= host.substituted || host.text.contains("$OUTPUT");
            let text = host
                .text
                .rsplit('@')
                .next()
                .unwrap_or(&host.text)
                .to_owned();
            self.url(&text);
        }
        Flow {
            fetched: !matches!(name, "ping"),
            piped: true,
            ..Flow::default()
        }
    }

    pub(super) fn cloud(&mut self, args: &[Arg]) {
        self.facts.network = true;
        let options = Options::parse(args, "", &["profile", "region", "body", "file", "source"]);
        let is_remote = |t: &str| t.contains("://") || t.contains(':') && !t.starts_with('/');
        let words: Vec<&str> = options.operands.iter().map(|o| o.text.as_str()).collect();
        let copies = words.iter().any(|w| {
            matches!(
                *w,
                "cp" | "mv" | "sync" | "copy" | "move" | "copyto" | "upload" | "put" | "rsync"
            )
        });
        let deletes = words
            .iter()
            .any(|w| matches!(*w, "rm" | "rb" | "delete" | "purge" | "remove"));
        if copies {
            let mut files: Vec<&Arg> = options
                .operands
                .iter()
                .copied()
                .skip_while(|o| {
                    !matches!(
                        o.text.as_str(),
                        "cp" | "mv"
                            | "sync"
                            | "copy"
                            | "move"
                            | "copyto"
                            | "upload"
                            | "put"
                            | "rsync"
                    )
                })
                .skip(1)
                .collect();
            let target = files.pop();
            for file in files {
                if !is_remote(&file.text) {
                    self.read(file);
                }
            }
            if let Some(target) = target {
                if is_remote(&target.text) {
                    self.facts.sends = true;
                } else {
                    self.write(target);
                }
            }
        }
        for (option, value) in &options.values {
            if matches!(*option, "body" | "file" | "source") {
                self.facts.sends = true;
                self.read(value);
            }
        }
        if deletes {
            self.facts.recursive_delete |=
                options.has(&["recursive", "r", "R"]) || words.contains(&"purge");
            for word in &options.operands {
                if word.text.contains("://") {
                    self.delete(word);
                }
            }
        }
    }

    pub(super) fn git(&mut self, args: &[Arg]) {
        let skip = skip_options(args, "Cc", &["git-dir", "work-tree"], 0);
        let base = Options::parse(args.get(..skip).unwrap_or_default(), "Cc", &[]);
        let saved = self.cwd.clone();
        if let Some(directory) = base.value(&["C"]) {
            self.change_directory(Some(directory));
        }
        let here = Arg::literal(".");
        let rest = args.get(skip..).unwrap_or_default();
        if let Some((command, args)) = rest.split_first() {
            let options = Options::parse(args, "mbo", &[]);
            match command.text.as_str() {
                "clean" if options.has(&["f", "force"]) && !options.has(&["n", "dry-run"]) => {
                    self.facts.recursive_delete |= options.has(&["d", "x", "X"]);
                    match options.operands.as_slice() {
                        [] => self.delete(&here),
                        paths => paths.iter().for_each(|p| self.delete(p)),
                    }
                }
                "rm" => {
                    self.facts.recursive_delete |= options.has(&["r"]);
                    options.operands.iter().for_each(|p| self.delete(p));
                }
                "reset" if options.has(&["hard"]) => self.write(&here),
                "checkout" | "restore" | "switch" | "stash" | "apply" | "am" | "merge"
                | "rebase" => self.write(&here),
                "mv" => {
                    for path in &options.operands {
                        self.write(path);
                    }
                }
                "push" => {
                    self.facts.network = true;
                    self.facts.sends = true;
                    self.remote_url(&options);
                }
                "clone" | "fetch" | "pull" | "ls-remote" | "submodule" | "remote" => {
                    self.facts.network = true;
                    self.remote_url(&options);
                }
                "add" | "hash-object" => {
                    options.operands.iter().for_each(|p| self.read(p));
                }
                "config" => self.write(&Arg::literal(".git/config")),
                _ => {}
            }
        }
        self.cwd = saved;
    }

    pub(super) fn remote_url(&mut self, options: &Options<'_>) {
        for operand in &options.operands {
            if operand.text.contains("://") {
                self.url(&operand.text);
            } else if let Some(host) = remote_host(&operand.text) {
                self.host(&host);
            }
        }
    }
}

/// `user@host:path` to `host`; a colon after a slash belongs to a path.
pub(super) fn remote_host(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.split_once("://") {
        let authority = rest.split('/').next().unwrap_or(rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        return Some(host.split(':').next().unwrap_or(host).to_owned());
    }
    let (before, _) = text.split_once(':')?;
    if before.is_empty() || before.contains('/') {
        return None;
    }
    Some(before.rsplit('@').next().unwrap_or(before).to_owned())
}
