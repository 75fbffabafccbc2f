//! The usual programs: what each does with its arguments.

mod files;
mod network;
mod wrappers;

use super::eval::{Arg, Eval, Flow, RUNS_MAX};
use super::syntax::DEPTH_MAX;
use crate::facts::set_insert;

/// The options and operands of a command line.
#[derive(Debug)]
struct Options<'a> {
    flags: Vec<&'a str>,
    values: Vec<(&'a str, Arg)>,
    operands: Vec<&'a Arg>,
}

impl<'a> Options<'a> {
    /// Splits `args`; letters in `short` and names in `long` take a value.
    fn parse(args: &'a [Arg], short: &str, long: &[&str]) -> Self {
        let mut options = Self {
            flags: Vec::new(),
            values: Vec::new(),
            operands: Vec::new(),
        };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let text = arg.text.as_str();
            if text == "--" {
                options.operands.extend(rest);
                break;
            }
            if let Some(name) = text.strip_prefix("--") {
                if let Some((name, value)) = name.split_once('=') {
                    options.values.push((
                        name,
                        Arg {
                            text: value.to_owned(),
                            ..arg.clone()
                        },
                    ));
                } else if long.contains(&name) {
                    let value = rest.next().cloned().unwrap_or_default();
                    options.values.push((name, value));
                } else {
                    options.flags.push(name);
                }
            } else if let Some(cluster) = text.strip_prefix('-').filter(|c| !c.is_empty()) {
                for (i, c) in cluster.char_indices() {
                    let end = i + c.len_utf8();
                    let letter = cluster.get(i..end).unwrap_or_default();
                    if short.contains(c) {
                        let attached = cluster.get(end..).unwrap_or_default();
                        let value = if attached.is_empty() {
                            rest.next().cloned().unwrap_or_default()
                        } else {
                            Arg {
                                text: attached.to_owned(),
                                ..arg.clone()
                            }
                        };
                        options.values.push((letter, value));
                        break;
                    }
                    options.flags.push(letter);
                }
            } else {
                options.operands.push(arg);
            }
        }
        options
    }

    fn has(&self, names: &[&str]) -> bool {
        self.flags.iter().any(|f| names.contains(f))
            || self.values.iter().any(|(n, _)| names.contains(n))
    }

    fn value(&self, names: &[&str]) -> Option<&Arg> {
        self.values
            .iter()
            .find(|(n, _)| names.contains(n))
            .map(|(_, v)| v)
    }
}

/// How many leading words of `args` are options, and how many operands after them a wrapper keeps.
fn skip_options(args: &[Arg], short: &str, long: &[&str], operands: usize) -> usize {
    let mut at = 0;
    while let Some(text) = args.get(at).map(|a| a.text.as_str()) {
        if text == "--" {
            at += 1;
            break;
        }
        if let Some(name) = text.strip_prefix("--") {
            at += if long.contains(&name) { 2 } else { 1 };
        } else if let Some(cluster) = text.strip_prefix('-').filter(|c| !c.is_empty()) {
            let takes = cluster
                .char_indices()
                .find(|(_, c)| short.contains(*c))
                .map(|(i, c)| i + c.len_utf8() == cluster.len());
            at += if takes == Some(true) { 2 } else { 1 };
        } else {
            break;
        }
    }
    (at + operands).min(args.len())
}

/// Programs that read the files they are given: name, and letters that take a value.
const READERS: &[(&str, &str)] = &[
    ("b2sum", ""),
    ("base32", "w"),
    ("basenc", "w"),
    ("bat", "lp"),
    ("bzcat", ""),
    ("cat", ""),
    ("cksum", ""),
    ("cmp", "nij"),
    ("colordiff", "U"),
    ("column", "tsc"),
    ("comm", ""),
    ("csplit", "fbn"),
    ("cut", "bcdf"),
    ("diff", "UCW"),
    ("du", "dB"),
    ("egrep", ""),
    ("expand", "t"),
    ("file", "fm"),
    ("fmt", "w"),
    ("fold", "w"),
    ("getfacl", ""),
    ("gzcat", ""),
    ("head", "nc"),
    ("hexdump", "ensv"),
    ("hd", "ns"),
    ("iconv", "ft"),
    ("join", "12jteav"),
    ("less", ""),
    ("ls", "wI"),
    ("lsattr", ""),
    ("md5", ""),
    ("md5sum", ""),
    ("more", ""),
    ("nl", "bhfwsv"),
    ("od", "AjNtw"),
    ("paste", "d"),
    ("pr", "hl"),
    ("readelf", ""),
    ("objdump", ""),
    ("rev", ""),
    ("sha1sum", ""),
    ("sha224sum", ""),
    ("sha256sum", ""),
    ("sha512sum", ""),
    ("shasum", "a"),
    ("stat", "cf"),
    ("strings", "nt"),
    ("sum", ""),
    ("tac", "s"),
    ("tail", "ncs"),
    ("tree", "LPI"),
    ("tsort", ""),
    ("unexpand", "t"),
    ("view", "c"),
    ("wc", ""),
    ("xzcat", ""),
    ("zcat", ""),
    ("zless", ""),
    ("zstdcat", ""),
];

/// Programs that use the network in ways that need no further reading.
const NETWORK: &[&str] = &[
    "apk",
    "apt",
    "apt-get",
    "brew",
    "cargo",
    "conda",
    "dnf",
    "gem",
    "go",
    "mvn",
    "nmap",
    "npm",
    "npx",
    "pip",
    "pip3",
    "pipx",
    "pnpm",
    "traceroute",
    "uv",
    "uvx",
    "whois",
    "yarn",
    "yum",
    "zypper",
    "masscan",
    "arp-scan",
    "tcpdump",
    "tshark",
];

/// Shells.
const SHELLS: &[&str] = &[
    "ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "rbash", "sh", "tcsh", "zsh",
];

/// Interpreters: name, letters that take code, letters that take another value.
const INTERPRETERS: &[(&str, &str, &str)] = &[
    ("bun", "e", "r"),
    ("deno", "", ""),
    ("lua", "e", "l"),
    ("node", "ep", "r"),
    ("nodejs", "ep", "r"),
    ("osascript", "e", "l"),
    ("perl", "eE", "IMm"),
    ("php", "rBRE", "cdz"),
    ("pwsh", "", ""),
    ("powershell", "", ""),
    ("pypy", "c", "mWX"),
    ("python", "c", "mWX"),
    ("Rscript", "e", ""),
    ("ruby", "e", "IrCF"),
    ("tclsh", "", ""),
];

impl Eval<'_> {
    fn note(&mut self, name: &str) {
        set_insert(&mut self.facts.commands, name);
    }

    /// Runs one command line.
    pub(in crate::facts::shell) fn run(&mut self, args: &[Arg], input: &Flow) -> Flow {
        let Some((first, rest)) = args.split_first() else {
            return Flow::default();
        };
        self.runs += 1;
        if self.depth > DEPTH_MAX || self.runs > RUNS_MAX {
            self.parsed = false;
            return Flow::default();
        }
        self.depth += 1;
        let flow = self.run_named(first, rest, input);
        self.depth -= 1;
        flow
    }

    fn run_named(&mut self, first: &Arg, args: &[Arg], input: &Flow) -> Flow {
        if first.fetched {
            self.facts.code = true;
            self.facts.fetched_code = true;
        }
        let name = first.text.rsplit('/').next().unwrap_or(&first.text);
        if first.dynamic && name.contains('$') || name.contains(['*', '?']) && name != "?" {
            self.facts.dynamic = true;
            return Flow::default();
        }
        if name.is_empty() {
            return Flow::default();
        }
        if self.is_function(name) {
            return Flow::default();
        }
        let through = Flow {
            fetched: input.fetched,
            trees: input.trees.clone(),
            ..Flow::default()
        };
        if first.text.contains('/') && self.is_fetched(first) {
            self.facts.code = true;
            self.facts.fetched_code = true;
        }
        if let Some(wrapped) = self.wrapper(name, args, input) {
            return wrapped;
        }
        self.note(name);
        // Versioned names: python3.12, perl5.
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        if SHELLS.contains(&name) {
            return self.shell(args, input);
        }
        if let Some((_, code, values)) = INTERPRETERS.iter().find(|(n, ..)| *n == stem) {
            return self.interpreter(args, input, code, values);
        }
        if let Some((_, values)) = READERS.iter().find(|(n, _)| *n == name) {
            for operand in Options::parse(args, values, &["lines", "bytes"]).operands {
                self.read(operand);
            }
            if name == "cat" && args.is_empty() {
                return input.clone();
            }
            return through;
        }
        if NETWORK.contains(&name) {
            self.facts.network = true;
            return through;
        }
        if name.starts_with("mkfs") {
            self.facts.destructive = true;
            return through;
        }
        match name {
            "echo" | "printf" => return self.output(name, args),
            "cd" | "pushd" => {
                self.change_directory(Options::parse(args, "", &[]).operands.first().copied());
            }
            "popd" => self.change_directory(Some(&Arg::literal("-"))),
            "eval" => {
                self.facts.code = true;
                self.code_text(args);
            }
            "trap" | "alias" => {
                for arg in args.iter().take(8) {
                    let text = match arg.text.split_once('=') {
                        Some((_, text)) if name == "alias" => text,
                        _ if name == "alias" => continue,
                        _ => arg.text.as_str(),
                    };
                    if name == "trap" && (text.starts_with('-') || text.is_empty()) {
                        break;
                    }
                    self.script(text);
                    if name == "trap" {
                        break;
                    }
                }
            }
            "." | "source" => {
                self.facts.code = true;
                if let Some(file) = args.first() {
                    self.script_file(file);
                }
            }
            "export" | "declare" | "local" | "readonly" | "typeset" => {
                for arg in args {
                    if let (Some((variable, value)), false) =
                        (arg.text.split_once('='), arg.dynamic)
                    {
                        self.set(variable, value);
                    }
                }
            }
            "grep" | "fgrep" | "zgrep" | "rg" | "ag" | "ack" => self.grep(args),
            "sed" | "gsed" => self.sed(args),
            "awk" | "gawk" | "mawk" | "nawk" => self.awk(args),
            "jq" | "yq" => {
                let options = Options::parse(args, "fL", &["from-file"]);
                let from_file = options.value(&["f", "from-file"]).cloned();
                if let Some(file) = &from_file {
                    self.read(file);
                }
                let skip = usize::from(from_file.is_none());
                for file in options.operands.iter().skip(skip) {
                    self.read(file);
                }
            }
            "rm" | "unlink" | "rmdir" | "shred" | "wipe" | "srm" | "trash" => {
                self.remove(name, args);
            }
            "cp" | "mv" | "install" | "ln" | "scp" | "rsync" | "rcp" => self.copy(name, args),
            "tee" | "sponge" => {
                for file in Options::parse(args, "", &[]).operands {
                    self.write(file);
                }
                return input.clone();
            }
            "touch" | "mkdir" | "truncate" | "mkfifo" | "mknod" | "fallocate" | "mktemp" | "ed"
            | "ex" | "vi" | "vim" | "nvim" | "nano" | "emacs" | "patch" => {
                let options = Options::parse(
                    args,
                    "srdtmlop",
                    &["size", "reference", "date", "mode", "length"],
                );
                let edits = matches!(name, "ed" | "ex" | "vi" | "vim" | "nvim" | "nano" | "emacs");
                for file in options.operands {
                    if edits {
                        self.read(file);
                    }
                    self.write(file);
                }
            }
            "sort" | "uniq" | "shuf" => {
                let options = Options::parse(args, "ktSTonfsw", &["output", "key"]);
                if let Some(out) = options.value(&["o", "output"]) {
                    self.write(out);
                }
                let mut operands = options.operands.into_iter();
                if name == "uniq" {
                    if let Some(file) = operands.next() {
                        self.read(file);
                    }
                    operands.for_each(|file| self.write(file));
                } else {
                    operands.for_each(|file| self.read(file));
                }
            }
            "split" => {
                let options = Options::parse(args, "abClnt", &["bytes", "lines"]);
                let mut operands = options.operands.into_iter();
                if let Some(file) = operands.next() {
                    self.read(file);
                }
                operands.for_each(|file| self.write(file));
            }
            "xxd" => {
                let options = Options::parse(args, "clgos", &[]);
                let mut operands = options.operands.into_iter();
                if let Some(file) = operands.next() {
                    self.read(file);
                }
                operands.for_each(|file| self.write(file));
            }
            "base64" => {
                let options = Options::parse(args, "wio", &["wrap"]);
                for (letter, value) in &options.values {
                    match *letter {
                        "i" => self.read(value),
                        "o" => self.write(value),
                        _ => {}
                    }
                }
                for file in &options.operands {
                    self.read(file);
                }
                if options.has(&["d", "D", "decode"]) && options.operands.is_empty() {
                    return Flow {
                        text: input.text.as_deref().and_then(decode_base64),
                        ..through
                    };
                }
            }
            "openssl" | "gpg" | "age" => {
                let mut rest = args.iter().peekable();
                while let Some(arg) = rest.next() {
                    match arg.text.as_str() {
                        "-in" | "-inkey" | "-key" | "-kfile" | "--recipient-file" | "-i" => {
                            if let Some(file) = rest.next() {
                                self.read(file);
                            }
                        }
                        "-out" | "-o" | "--output" => {
                            if let Some(file) = rest.next() {
                                self.write(file);
                            }
                        }
                        "-connect" => {
                            self.facts.network = true;
                            if let Some(arg) = rest.next() {
                                let host =
                                    arg.text.split(':').next().unwrap_or_default().to_owned();
                                self.host(&host);
                            }
                        }
                        text if name == "gpg" && !text.starts_with('-') => self.read(arg),
                        _ => {}
                    }
                }
            }
            "dd" => {
                for arg in args {
                    if let Some(path) = arg.text.strip_prefix("if=") {
                        self.read(&Arg {
                            text: path.to_owned(),
                            ..arg.clone()
                        });
                    } else if let Some(path) = arg.text.strip_prefix("of=") {
                        self.write(&Arg {
                            text: path.to_owned(),
                            ..arg.clone()
                        });
                    }
                }
            }
            "tar" | "bsdtar" => self.tar(args),
            "zip" | "7z" | "7za" | "rar" => {
                let options = Options::parse(args, "xi", &[]);
                let skip = usize::from(name != "zip");
                let mut operands = options.operands.into_iter().skip(skip);
                if let Some(archive) = operands.next() {
                    self.write(archive);
                }
                operands.for_each(|file| self.read(file));
            }
            "unzip" | "unrar" => {
                let options = Options::parse(args, "dx", &[]);
                if let Some(archive) = options.operands.first() {
                    self.read(archive);
                }
                if let Some(target) = options.value(&["d"]) {
                    self.write(target);
                }
            }
            "gzip" | "gunzip" | "bzip2" | "bunzip2" | "xz" | "unxz" | "zstd" | "compress" => {
                for file in Options::parse(args, "So", &[]).operands {
                    self.read(file);
                    self.write(file);
                }
            }
            "chmod" | "chown" | "chgrp" | "setfacl" | "chattr" | "setcap" | "chcon" => {
                self.facts.rights = true;
                self.change_mode(name, args);
            }
            "usermod" | "useradd" | "adduser" | "userdel" | "deluser" | "groupadd" | "groupmod"
            | "groupdel" | "gpasswd" | "passwd" | "chpasswd" | "visudo" | "chsh" | "addgroup"
            | "newgrp" | "setenforce" | "semanage" | "aa-disable" => self.facts.rights = true,
            "curl" => return self.curl(args),
            "wget" | "aria2c" | "http" | "https" | "xh" | "httpie" | "lynx" | "fetch" => {
                return self.wget(name, args);
            }
            "nc" | "ncat" | "netcat" | "socat" | "telnet" | "ftp" | "sftp" | "tftp" | "lftp"
            | "ping" | "dig" | "nslookup" | "host" | "mosh" | "websocat" => {
                return self.connect(name, args, input);
            }
            "mail" | "mailx" | "sendmail" | "mutt" | "msmtp" | "swaks" => {
                self.facts.network = true;
                self.facts.sends = true;
                for (_, value) in &Options::parse(args, "aAs", &[]).values {
                    if value.text.starts_with('/') || value.text.starts_with('~') {
                        self.read(value);
                    }
                }
            }
            "aws" | "gsutil" | "gcloud" | "az" | "rclone" | "s3cmd" | "b2" | "mc" => {
                self.cloud(args);
            }
            "git" => self.git(args),
            "psql" | "mysql" | "mariadb" | "mongosh" | "redis-cli" | "pg_dump" | "mysqldump" => {
                let options = Options::parse(args, "hUdcfpPuo", &["host", "command", "file"]);
                if let Some(host) = options.value(&["h", "host"]) {
                    self.facts.network = true;
                    let host = host.text.clone();
                    self.host(&host);
                }
                if let Some(file) = options.value(&["f", "file"]) {
                    if name == "pg_dump" {
                        self.write(file);
                    } else {
                        self.read(file);
                    }
                }
            }
            "sqlite3" | "duckdb" => {
                if let Some(file) = Options::parse(args, "", &["cmd"]).operands.first() {
                    self.read(file);
                    self.write(file);
                }
            }
            "crontab" => {
                let options = Options::parse(args, "u", &[]);
                if options.has(&["r"]) {
                    self.facts.destructive = true;
                }
                if let Some(file) = options.operands.first() {
                    self.facts.code = true;
                    self.read(file);
                }
            }
            "at" | "batch" => {
                self.facts.code = true;
                match &input.text {
                    Some(text) => {
                        self.script(&text.clone());
                    }
                    None => self.facts.dynamic |= input.piped,
                }
            }
            "find" | "fd" | "fdfind" => return self.find(args),
            "shutdown" | "reboot" | "halt" | "poweroff" | "fdisk" | "sfdisk" | "parted"
            | "wipefs" | "blkdiscard" | "mkswap" | "swapoff" | "killall5" | "rmmod"
            | "lvremove" | "vgremove" | "pvremove" | "zpool" | "cryptsetup" | "umount"
            | "mount" | "insmod" | "modprobe" | "kexec" | "sgdisk" | "hdparm" | "dropdb" => {
                let shows = args.is_empty() && matches!(name, "mount" | "parted")
                    || args.iter().any(|a| {
                        matches!(
                            a.text.as_str(),
                            "-l" | "--list" | "--help" | "list" | "status"
                        )
                    });
                self.facts.destructive |= !shows;
            }
            "init" | "telinit" => {
                self.facts.destructive |= args.iter().any(|a| matches!(a.text.as_str(), "0" | "6"));
            }
            "systemctl" | "service" | "launchctl" => {
                self.facts.destructive |= args.iter().any(|a| {
                    matches!(
                        a.text.as_str(),
                        "poweroff"
                            | "reboot"
                            | "halt"
                            | "stop"
                            | "disable"
                            | "mask"
                            | "kexec"
                            | "rescue"
                            | "emergency"
                            | "suspend"
                            | "isolate"
                    )
                });
            }
            "sysctl" => {
                self.facts.destructive |=
                    args.iter().any(|a| a.text == "-w" || a.text.contains('='));
            }
            "kill" | "pkill" | "killall" => {
                let all = args.iter().skip(1).any(|a| a.text == "-1" || a.text == "1")
                    || args.iter().any(|a| a.text == "-1") && args.len() == 1;
                let user =
                    name == "pkill" && args.iter().any(|a| a.text == "-u" || a.text == "root");
                self.facts.destructive |= all || user;
            }
            "iptables" | "ip6tables" | "nft" | "ufw" | "firewall-cmd" => {
                self.facts.destructive |= args.iter().any(|a| {
                    matches!(
                        a.text.as_str(),
                        "-F" | "--flush" | "flush" | "-X" | "disable" | "reset" | "--panic-on"
                    )
                }) || args
                    .windows(2)
                    .any(|w| matches!(w, [a, b] if a.text == "-P" && b.text == "INPUT"));
            }
            "terraform" | "tofu" | "pulumi" => {
                self.facts.network = true;
                self.facts.destructive |= args.iter().any(|a| a.text == "destroy");
            }
            "crictl" | "helm" => self.facts.network = true,
            "history" => {}
            _ => {}
        }
        through
    }

    fn output(&mut self, name: &str, args: &[Arg]) -> Flow {
        let mut args = args;
        while let Some((first, tail)) = args.split_first() {
            if name == "echo" && matches!(first.text.as_str(), "-n" | "-e" | "-ne" | "-en" | "-E") {
                args = tail;
            } else {
                break;
            }
        }
        let fetched = args.iter().any(|a| a.fetched);
        let known = !args.iter().any(|a| a.dynamic);
        let text = if name == "printf" {
            printed(args)
        } else {
            Some(
                args.iter()
                    .map(|a| a.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        };
        Flow {
            fetched,
            piped: true,
            text: text.filter(|_| known),
            ..Flow::default()
        }
    }
}

/// What `printf` prints for `%s` and `%b` and the common escapes.
fn printed(args: &[Arg]) -> Option<String> {
    let (format, rest) = args.split_first()?;
    let mut out = String::new();
    let mut rest = rest.iter();
    let mut chars = format.text.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => match chars.next()? {
                's' | 'b' | 'd' => out.push_str(rest.next().map_or("", |a| a.text.as_str())),
                '%' => out.push('%'),
                _ => return None,
            },
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                '\\' => out.push('\\'),
                _ => return None,
            },
            _ => out.push(c),
        }
    }
    Some(out)
}

fn decode_base64(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0u32);
    for b in text.bytes() {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b'\n' | b'\r' | b' ' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
            bits &= (1 << count) - 1;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Programs whose name alone tells that a text is a command line.
pub(in crate::facts::shell) fn known(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    SHELLS.contains(&name)
        || NETWORK.contains(&name)
        || READERS.iter().any(|(n, _)| *n == name)
        || INTERPRETERS.iter().any(|(n, ..)| name.starts_with(n))
        || matches!(
            name,
            "rm" | "cp"
                | "mv"
                | "sudo"
                | "su"
                | "doas"
                | "env"
                | "curl"
                | "wget"
                | "nc"
                | "ssh"
                | "scp"
                | "rsync"
                | "dd"
                | "tar"
                | "chmod"
                | "chown"
                | "find"
                | "grep"
                | "sed"
                | "awk"
                | "echo"
                | "printf"
                | "cd"
                | "eval"
                | "exec"
                | "export"
                | "git"
                | "docker"
                | "kubectl"
                | "xargs"
                | "tee"
                | "touch"
                | "mkdir"
                | "rmdir"
                | "kill"
                | "systemctl"
                | "shutdown"
                | "reboot"
                | "crontab"
                | "base64"
                | "openssl"
                | "source"
                | "psql"
                | "mysql"
                | "sqlite3"
                | "make"
                | "nohup"
                | "timeout"
                | "time"
                | "sort"
                | "unzip"
                | "zip"
                | "gzip"
                | "ln"
                | "shred"
                | "truncate"
                | "mount"
                | "umount"
                | "iptables"
                | "useradd"
                | "usermod"
                | "passwd"
                | "aws"
                | "ps"
                | "pwd"
                | "id"
                | "whoami"
                | "uname"
                | "df"
                | "top"
                | "which"
                | "date"
                | "test"
        )
}
