//! The usual programs: what each does with its arguments.

use super::eval::{Arg, Eval, Flow, RUNS_MAX, is_disk};
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
    pub(super) fn run(&mut self, args: &[Arg], input: &Flow) -> Flow {
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
                self.change_directory(Options::parse(args, "", &[]).operands.first().copied())
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
                self.remove(name, args)
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
                self.cloud(args)
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
                    args.iter().any(|a| a.text == "-w" || a.text.contains('='))
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

    /// Programs that run another; `None` when `name` is none of them.
    fn wrapper(&mut self, name: &str, args: &[Arg], input: &Flow) -> Option<Flow> {
        let skip = match name {
            "sudo" | "doas" | "pkexec" | "runuser" | "gosu" | "su-exec" => {
                self.facts.elevated = true;
                let operands = usize::from(matches!(name, "gosu" | "su-exec"));
                if let Some(text) =
                    Options::parse(args, "ugpCchrtTUDR", &["user", "group"]).value(&["c"])
                    && name == "runuser"
                {
                    let text = text.clone();
                    self.code_arg(&text);
                    return Some(Flow::default());
                }
                skip_options(
                    args,
                    "ugpChrtTUDR",
                    &["user", "group", "chdir", "host", "prompt"],
                    operands,
                )
            }
            "su" => {
                self.facts.elevated = true;
                self.note(name);
                let options = Options::parse(args, "cgsG", &["command", "shell", "group"]);
                if let Some(text) = options.value(&["c", "command"]) {
                    let text = text.clone();
                    self.code_arg(&text);
                }
                return Some(Flow::default());
            }
            "env" => {
                let options = Options::parse(args, "uCS", &["unset", "chdir", "split-string"]);
                if let Some(text) = options.value(&["S", "split-string"]) {
                    let text = text.text.clone();
                    return Some(self.script(&text));
                }
                skip_options(args, "uC", &["unset", "chdir"], 0)
            }
            "nohup" | "setsid" | "builtin" | "unbuffer" | "coproc" | "busybox" | "toybox"
            | "fakeroot" | "proxychains" | "proxychains4" | "torsocks" | "torify"
            | "caffeinate" | "systemd-inhibit" | "then" | "do" | "else" => {
                skip_options(args, "", &[], 0)
            }
            "command" => {
                if args
                    .first()
                    .is_some_and(|a| matches!(a.text.as_str(), "-v" | "-V"))
                {
                    return Some(Flow::default());
                }
                skip_options(args, "", &[], 0)
            }
            "exec" => skip_options(args, "a", &[], 0),
            "nice" => skip_options(args, "n", &["adjustment"], 0),
            "ionice" => skip_options(args, "cnpPu", &["class", "classdata"], 0),
            "time" => skip_options(args, "fo", &["format", "output"], 0),
            "timeout" | "gtimeout" => skip_options(args, "ks", &["kill-after", "signal"], 1),
            "stdbuf" => skip_options(args, "ioe", &["input", "output", "error"], 0),
            "chrt" | "taskset" => skip_options(args, "", &[], 1),
            "strace" | "ltrace" => skip_options(args, "eoapsuEP", &[], 0),
            "systemd-run" => skip_options(args, "pEu", &["property", "unit", "setenv"], 0),
            "unshare" | "nsenter" => skip_options(args, "tSGr", &["target"], 0),
            "chroot" => skip_options(args, "", &[], 1),
            "flock" => {
                if let Some(text) =
                    Options::parse(args, "cwE", &["command"]).value(&["c", "command"])
                {
                    let text = text.clone();
                    self.code_arg(&text);
                    return Some(Flow::default());
                }
                skip_options(args, "wE", &["timeout"], 1)
            }
            "script" => {
                let text = Options::parse(args, "cEIO", &["command"])
                    .value(&["c", "command"])
                    .cloned()?;
                self.code_arg(&text);
                return Some(Flow::default());
            }
            "watch" => {
                let skip = skip_options(args, "nd", &["interval"], 0);
                self.code_text(args.get(skip..).unwrap_or_default());
                return Some(Flow::default());
            }
            "xargs" | "gxargs" | "parallel" => return Some(self.xargs(name, args, input)),
            "ssh" | "autossh" => return Some(self.ssh(args, input)),
            "docker" | "podman" | "nerdctl" | "kubectl" | "oc" | "lxc" | "docker-compose"
            | "k3s" => {
                return Some(self.container(name, args, input));
            }
            _ => return None,
        };
        let mut rest = args.get(skip..).unwrap_or_default();
        // VAR=value before the command.
        while let Some((first, tail)) = rest.split_first() {
            if first
                .text
                .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && first.text.contains('=')
                && matches!(name, "sudo" | "doas" | "env")
            {
                rest = tail;
            } else {
                break;
            }
        }
        if rest.is_empty() {
            self.note(name);
            if name == "sudo" && args.iter().any(|a| matches!(a.text.as_str(), "-s" | "-i")) {
                return Some(self.shell(&[], input));
            }
            return Some(Flow::default());
        }
        Some(self.run(rest, input))
    }

    /// A text given as one argument is run.
    fn code_arg(&mut self, arg: &Arg) -> Flow {
        self.facts.code = true;
        self.facts.fetched_code |= arg.fetched;
        if arg.dynamic && (arg.substituted || arg.text.starts_with('$')) {
            self.facts.dynamic = true;
        }
        self.script(&arg.text)
    }

    /// Arguments joined by blanks are run.
    fn code_text(&mut self, args: &[Arg]) {
        let joined = Arg {
            text: args
                .iter()
                .map(|a| a.text.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            dynamic: args.iter().any(|a| a.dynamic),
            fetched: args.iter().any(|a| a.fetched),
            substituted: args.iter().any(|a| a.substituted),
            process: false,
        };
        self.code_arg(&joined);
    }

    /// What comes in is run.
    fn code_input(&mut self, input: &Flow) {
        if input.fetched {
            self.facts.code = true;
            self.facts.fetched_code = true;
        }
        match &input.text {
            Some(text) => {
                self.facts.code = true;
                self.script(&text.clone());
            }
            None if input.piped => {
                self.facts.code = true;
                self.facts.dynamic |= !input.fetched;
            }
            None => {}
        }
    }

    /// A file is run as a script.
    fn script_file(&mut self, file: &Arg) {
        let fetched = self.is_fetched(file);
        self.facts.code |= file.process || fetched;
        self.facts.fetched_code |= fetched;
        self.read(file);
    }

    fn shell(&mut self, args: &[Arg], input: &Flow) -> Flow {
        let mut rest = args.iter();
        let mut text_next = false;
        while let Some(arg) = rest.next() {
            let text = arg.text.as_str();
            if text_next {
                return self.code_arg(arg);
            }
            match text {
                "-" | "-s" => break,
                "-o" | "+o" | "--rcfile" | "--init-file" | "-O" => {
                    rest.next();
                }
                "--" => {}
                _ if text.starts_with("--") => {}
                _ if text.starts_with(['-', '+']) => text_next |= text.contains('c'),
                _ => {
                    self.script_file(arg);
                    return Flow::default();
                }
            }
        }
        self.code_input(input);
        Flow::default()
    }

    fn interpreter(&mut self, args: &[Arg], input: &Flow, code: &str, values: &str) -> Flow {
        let mut rest = args.iter();
        let mut in_place = false;
        while let Some(arg) = rest.next() {
            let text = arg.text.as_str();
            if text == "-" {
                break;
            }
            if let Some(long) = text.strip_prefix("--") {
                if matches!(long.split('=').next(), Some("eval" | "print" | "command")) {
                    self.facts.code = true;
                    self.facts.fetched_code |= arg.fetched;
                    return Flow::default();
                }
                continue;
            }
            if let Some(cluster) = text.strip_prefix('-') {
                in_place |= values.contains('I') && cluster.contains('i');
                if let Some(at) = cluster.find(|c| code.contains(c)) {
                    self.facts.code = true;
                    // Code is attached or in the next word.
                    let text = if cluster.len() == at + 1 {
                        rest.next()
                    } else {
                        Some(arg)
                    };
                    self.facts.fetched_code |= text.is_some_and(|t| t.fetched);
                    self.facts.dynamic |= text.is_some_and(|t| t.dynamic && t.substituted);
                    for file in rest {
                        if !file.text.starts_with('-') {
                            self.read(file);
                            if in_place {
                                self.write(file);
                            }
                        }
                    }
                    return Flow::default();
                }
                if cluster == "m" && values.contains('m') {
                    self.facts.code = true;
                    return Flow::default();
                }
                if cluster.len() == 1 && cluster.chars().any(|c| values.contains(c)) {
                    rest.next();
                }
                continue;
            }
            if matches!(text, "run" | "eval") && code.is_empty() {
                self.facts.code |= text == "eval";
                continue;
            }
            self.script_file(arg);
            return Flow::default();
        }
        // Another language: what the text does is not read here.
        if input.piped || input.text.is_some() {
            self.facts.code = true;
            self.facts.fetched_code |= input.fetched;
        }
        Flow::default()
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

    fn grep(&mut self, args: &[Arg]) {
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

    fn sed(&mut self, args: &[Arg]) {
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

    fn awk(&mut self, args: &[Arg]) {
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

    fn remove(&mut self, name: &str, args: &[Arg]) {
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
    fn check_root(&mut self, text: &str) {
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

    fn copy(&mut self, name: &str, args: &[Arg]) {
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

    fn tar(&mut self, args: &[Arg]) {
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

    fn change_mode(&mut self, name: &str, args: &[Arg]) {
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

    fn curl(&mut self, args: &[Arg]) -> Flow {
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

    fn wget(&mut self, name: &str, args: &[Arg]) -> Flow {
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
                    )
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

    fn url(&mut self, text: &str) {
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

    fn connect(&mut self, name: &str, args: &[Arg], input: &Flow) -> Flow {
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

    fn cloud(&mut self, args: &[Arg]) {
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

    fn git(&mut self, args: &[Arg]) {
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
                "clean" => {
                    if options.has(&["f", "force"]) && !options.has(&["n", "dry-run"]) {
                        self.facts.recursive_delete |= options.has(&["d", "x", "X"]);
                        match options.operands.as_slice() {
                            [] => self.delete(&here),
                            paths => paths.iter().for_each(|p| self.delete(p)),
                        }
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

    fn remote_url(&mut self, options: &Options<'_>) {
        for operand in &options.operands {
            if operand.text.contains("://") {
                self.url(&operand.text);
            } else if let Some(host) = remote_host(&operand.text) {
                self.host(&host);
            }
        }
    }

    fn find(&mut self, args: &[Arg]) -> Flow {
        let roots: Vec<&Arg> = args
            .iter()
            .skip_while(|a| matches!(a.text.as_str(), "-H" | "-L" | "-P"))
            .take_while(|a| !a.text.starts_with(['-', '(', '!']))
            .collect();
        let here = Arg::literal(".");
        let roots = if roots.is_empty() { vec![&here] } else { roots };
        for root in &roots {
            self.read(root);
        }
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            match arg.text.as_str() {
                "-delete" => {
                    self.facts.recursive_delete = true;
                    for root in &roots {
                        self.delete(root);
                        let text = root.text.clone();
                        self.check_root(&text);
                    }
                }
                "-exec" | "-execdir" | "-ok" | "-okdir" | "-x" | "-X" | "--exec"
                | "--exec-batch" => {
                    let command: Vec<Arg> = rest
                        .by_ref()
                        .take_while(|a| a.text != ";" && a.text != "+")
                        .cloned()
                        .collect();
                    let deleted = self.facts.deletes.len();
                    for root in roots.iter().take(8) {
                        let line: Vec<Arg> =
                            command.iter().map(|a| self.place(a, "{}", root)).collect();
                        self.run(&line, &Flow::default());
                    }
                    let removes = command
                        .iter()
                        .any(|a| matches!(a.text.as_str(), "rm" | "unlink" | "shred" | "/bin/rm"));
                    if removes || self.facts.deletes.len() > deleted {
                        self.facts.recursive_delete = true;
                        for root in &roots {
                            let text = root.text.clone();
                            self.check_root(&text);
                        }
                    }
                }
                "-fprintf" | "-fprint" | "-fls" | "-fprint0" => {
                    if let Some(file) = rest.next() {
                        self.write(file);
                    }
                }
                _ => {}
            }
        }
        Flow {
            piped: true,
            trees: roots.iter().map(|r| r.text.clone()).collect(),
            ..Flow::default()
        }
    }

    fn xargs(&mut self, name: &str, args: &[Arg], input: &Flow) -> Flow {
        let parallel = name == "parallel";
        let options = Options::parse(
            args,
            "adEILnPsj",
            &["arg-file", "replace", "max-args", "max-procs", "jobs"],
        );
        if let Some(file) = options.value(&["a", "arg-file"]) {
            self.read(file);
        }
        let replace = options.value(&["I", "replace"]).map_or_else(
            || {
                if parallel {
                    "{}".to_owned()
                } else {
                    String::new()
                }
            },
            |v| v.text.clone(),
        );
        let skip = skip_options(
            args,
            "adEILnPsj",
            &["arg-file", "replace", "max-args", "max-procs", "jobs"],
            0,
        );
        let mut command: Vec<Arg> = args.get(skip..).unwrap_or_default().to_vec();
        let mut items: Vec<Arg> = match &input.text {
            Some(text) => text
                .split_ascii_whitespace()
                .take(64)
                .map(Arg::literal)
                .collect(),
            None if !input.trees.is_empty() => input.trees.iter().map(Arg::literal).collect(),
            None => vec![Arg {
                fetched: input.fetched,
                ..Arg::unknown()
            }],
        };
        if let Some(at) = command.iter().position(|a| a.text.starts_with(":::")) {
            items = command.split_off(at).into_iter().skip(1).collect();
        }
        if command.is_empty() {
            self.note(name);
            return Flow::default();
        }
        let placed = !replace.is_empty() && command.iter().any(|a| a.text.contains(&replace));
        let mut out = Flow::default();
        let lines: Vec<Vec<Arg>> = if placed {
            items
                .iter()
                .take(16)
                .map(|item| {
                    command
                        .iter()
                        .map(|a| self.place(a, &replace, item))
                        .collect()
                })
                .collect()
        } else {
            command.extend(items);
            vec![command]
        };
        let deletes = self.facts.deletes.len();
        for line in &lines {
            out = if parallel && line.len() == 1 {
                line.first()
                    .map_or_else(Flow::default, |a| self.script(&a.text))
            } else {
                self.run(line, &Flow::default())
            };
        }
        if !input.trees.is_empty() && self.facts.deletes.len() > deletes {
            self.facts.recursive_delete = true;
            for tree in &input.trees {
                self.check_root(tree);
            }
        }
        Flow {
            fetched: out.fetched || input.fetched,
            piped: true,
            ..Flow::default()
        }
    }

    fn ssh(&mut self, args: &[Arg], input: &Flow) -> Flow {
        self.note("ssh");
        self.facts.network = true;
        let short = "BbcDEeFIiJLlmOopQRSWw";
        let options = Options::parse(args, short, &[]);
        if let Some(key) = options.value(&["i"]) {
            self.read(key);
        }
        if let Some((_, command)) = options
            .value(&["o"])
            .and_then(|o| o.text.split_once('='))
            .filter(|(name, _)| name.eq_ignore_ascii_case("proxycommand"))
        {
            let command = command.to_owned();
            self.facts.code = true;
            self.script(&command);
        }
        let skip = skip_options(args, short, &[], 0);
        let rest = args.get(skip..).unwrap_or_default();
        if let Some((host, command)) = rest.split_first() {
            let name = host
                .text
                .rsplit('@')
                .next()
                .unwrap_or(&host.text)
                .to_owned();
            self.url(&name);
            if !command.is_empty() {
                let text = command
                    .iter()
                    .map(|a| a.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ");
                self.script(&text);
            }
        }
        self.facts.sends |= input.piped;
        Flow {
            fetched: true,
            piped: true,
            ..Flow::default()
        }
    }

    fn container(&mut self, name: &str, args: &[Arg], input: &Flow) -> Flow {
        self.note(name);
        let verb = args
            .iter()
            .position(|a| matches!(a.text.as_str(), "exec" | "run" | "debug"));
        let deletes = args
            .iter()
            .any(|a| matches!(a.text.as_str(), "prune" | "delete" | "rm" | "rmi" | "down"));
        let Some(verb) = verb else {
            self.facts.destructive |= deletes
                && args.iter().any(|a| {
                    matches!(
                        a.text.as_str(),
                        "prune" | "--all" | "namespace" | "ns" | "-v" | "volume" | "--volumes"
                    )
                });
            self.facts.network |= matches!(name, "kubectl" | "oc")
                || args
                    .iter()
                    .any(|a| matches!(a.text.as_str(), "pull" | "push" | "login"));
            return Flow::default();
        };
        let rest = args.get(verb + 1..).unwrap_or_default();
        if args
            .iter()
            .any(|a| a.text == "--privileged" || a.text == "--pid=host")
        {
            self.facts.elevated = true;
        }
        let inner = match rest.iter().position(|a| a.text == "--") {
            Some(at) => rest.get(at + 1..),
            None => {
                let long = [
                    "env",
                    "user",
                    "workdir",
                    "volume",
                    "name",
                    "network",
                    "entrypoint",
                    "container",
                    "namespace",
                    "publish",
                    "env-file",
                    "mount",
                    "label",
                    "hostname",
                ];
                let skip = skip_options(rest, "euwvplcnhm", &long, 1);
                rest.get(skip..)
            }
        }
        .unwrap_or_default();
        self.facts.network |= matches!(name, "kubectl" | "oc");
        if inner.is_empty() {
            return Flow::default();
        }
        self.run(inner, input)
    }
}

/// `user@host:path` to `host`; a colon after a slash belongs to a path.
fn remote_host(text: &str) -> Option<String> {
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
pub(super) fn known(name: &str) -> bool {
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
