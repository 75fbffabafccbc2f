//! Programs that run others, and texts and files that are run.

use super::{Options, skip_options};
use crate::facts::shell::eval::{Arg, Eval, Flow};

impl Eval<'_> {
    /// Programs that run another; `None` when `name` is none of them.
    pub(super) fn wrapper(&mut self, name: &str, args: &[Arg], input: &Flow) -> Option<Flow> {
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
    pub(super) fn code_arg(&mut self, arg: &Arg) -> Flow {
        self.facts.code = true;
        self.facts.fetched_code |= arg.fetched;
        if arg.dynamic && (arg.substituted || arg.text.starts_with('$')) {
            self.facts.dynamic = true;
        }
        self.script(&arg.text)
    }

    /// Arguments joined by blanks are run.
    pub(super) fn code_text(&mut self, args: &[Arg]) {
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
    pub(super) fn code_input(&mut self, input: &Flow) {
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
    pub(super) fn script_file(&mut self, file: &Arg) {
        let fetched = self.is_fetched(file);
        self.facts.code |= file.process || fetched;
        self.facts.fetched_code |= fetched;
        self.read(file);
    }

    pub(super) fn shell(&mut self, args: &[Arg], input: &Flow) -> Flow {
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

    pub(super) fn interpreter(
        &mut self,
        args: &[Arg],
        input: &Flow,
        code: &str,
        values: &str,
    ) -> Flow {
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

    pub(super) fn find(&mut self, args: &[Arg]) -> Flow {
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

    pub(super) fn xargs(&mut self, name: &str, args: &[Arg], input: &Flow) -> Flow {
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

    pub(super) fn ssh(&mut self, args: &[Arg], input: &Flow) -> Flow {
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

    pub(super) fn container(&mut self, name: &str, args: &[Arg], input: &Flow) -> Flow {
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
