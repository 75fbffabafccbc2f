//! Rights that the agent does not have, or asks for.

use std::sync::LazyLock;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::code::codes;
use super::text_at::find;
use super::{DetectContext, Detector, Phase};
use crate::model::{ActionType, Finding, FindingCode, Findings, Value, Vector};
use crate::text::{Bound, Channel, Literals, View, ViewKind};

codes! {
    PrivilegeEscalation, "privilege-escalation";
    RAISED_COMMAND = "raised-command", "a command that runs with raised rights", ["CWE-250", "CWE-269", "ASI03"];
    GRANT = "grant", "a statement that gives rights", ["CWE-269", "ASI03"];
    SETUID = "setuid", "a file that runs with its owner's rights", ["CWE-732", "CWE-250", "ASI03"];
    ROLE = "role-assignment", "an administrator's role is asked for", ["CWE-269", "ASI03"];
    WILDCARD = "wildcard-policy", "a policy that allows everything", ["CWE-732", "CWE-269", "ASI03"];
    IMPERSONATION = "impersonation", "a token or identity of somebody else", ["CWE-287", "CWE-290", "ASI03", "AML.T0055"];
    AUTH_FILE = "authentication-file", "a change to the files that say who may do what", ["CWE-732", "ASI03"];
    CONTAINER = "container-escape", "a container that reaches its host", ["CWE-250", "CWE-269", "ASI03", "ASI05"];
    PERMISSION_CHANGE = "permission-change", "a change of permissions for the agent itself or for everybody", ["CWE-732", "ASI03"];
}

const COMMAND: u8 = 0;
const SQL: u8 = 1;
const FILE: u8 = 2;
const POLICY: u8 = 3;
const TOKEN: u8 = 4;
const CONTAINER_WORD: u8 = 5;

static LITERALS: &[Literals] = &[
    Literals {
        class: COMMAND,
        bound: Bound::Word,
        words: &[
            "sudo",
            "su",
            "doas",
            "pkexec",
            "runas",
            "setcap",
            "usermod",
            "gpasswd",
            "chmod",
            "chown",
            "visudo",
            "net localgroup",
            "net user",
            "dsadd",
            "setuid",
            "seteuid",
            "addgroup",
            "adduser",
            "useradd",
            "set-executionpolicy",
            "start-process",
            "dseditgroup",
            "psexec",
            "secedit",
            "gsudo",
            "unshare",
            "capsh",
            "icacls",
            "takeown",
        ],
    },
    Literals {
        class: SQL,
        bound: Bound::Word,
        words: &[
            "grant",
            "alter role",
            "alter user",
            "create role",
            "create user",
            "set role",
            "superuser",
            "alter login",
            "sp_addsrvrolemember",
            "security definer",
            "set session authorization",
            "with admin option",
            "with grant option",
            "alter default privileges",
            "createrole",
            "bypassrls",
            "sp_addrolemember",
            "alter server role",
        ],
    },
    Literals {
        class: FILE,
        bound: Bound::None,
        words: &[
            "/etc/sudoers",
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "authorized_keys",
            "/etc/pam.d",
            "/etc/cron",
            "/etc/ld.so.preload",
            "pg_hba.conf",
            "sudoers.d",
        ],
    },
    Literals {
        class: POLICY,
        bound: Bound::None,
        words: &[
            "\"action\"",
            "\"*\"",
            "'*'",
            "cluster-admin",
            "administratoraccess",
            "iam:",
            "sts:assumerole",
            "roles/owner",
            "roles/editor",
            "attach-user-policy",
            "attach-role-policy",
            "put-user-policy",
            "create-access-key",
            "iam:passrole",
            "clusterrolebinding",
            "add-iam-policy-binding",
            "allusers",
            "poweruseraccess",
            "system:masters",
            "update-assume-role-policy",
            "add-user-to-group",
            "create-login-profile",
            "verbs: [\"*\"]",
            "role assignment create",
        ],
    },
    Literals {
        class: TOKEN,
        bound: Bound::None,
        words: &[
            "impersonat",
            "x-forwarded-user",
            "x-remote-user",
            "--as=",
            "--as ",
            "\"alg\":\"none\"",
            "alg: none",
            "assume-role",
            "on behalf of",
            "token of",
            "session of",
            "x-original-user",
            "x-user-role",
            "run as administrator",
            "-verb runas",
            "is_admin",
            "isadmin",
            "\"admin\": true",
            "\"admin\":true",
            "steal",
            "another user's",
            "service account token",
            "serviceaccount/token",
        ],
    },
    Literals {
        class: CONTAINER_WORD,
        bound: Bound::None,
        words: &[
            "--privileged",
            "docker.sock",
            "--pid=host",
            "--cap-add",
            "hostpid",
            "privileged: true",
            "\"privileged\":true",
            "\"privileged\": true",
            "nsenter",
            "-v /:/",
            "--volume /:/",
            "--net=host",
            "release_agent",
            "chroot /host",
            "--security-opt",
            "hostpath",
        ],
    },
];

// ASCII classes only: what is spelt with other characters has a normalised view, and the automaton
// of the Unicode classes is so large that every search falls back to the slow matcher.
static RULES: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSetBuilder::new(RULE_TABLE.iter().map(|r| r.pattern))
        .unicode(false)
        .dfa_size_limit(DFA_BYTES_MAX)
        .build()
        .ok()
});

/// Room for the states that a search builds as it goes, per thread.
const DFA_BYTES_MAX: usize = 4 << 20;

struct Rule {
    pattern: &'static str,
    code: &'static FindingCode,
    confidence: u8,
}

const fn rule(code: &'static FindingCode, confidence: u8, pattern: &'static str) -> Rule {
    Rule {
        pattern,
        code,
        confidence,
    }
}

static RULE_TABLE: &[Rule] = &[
    // A command, where a command can stand: at the start or behind a separator.
    rule(
        &RAISED_COMMAND,
        74,
        r"(?im)(?:^|[;&|`(]|\$\()\s*(?:sudo|doas|pkexec|gsudo)\s+(?:-[a-z]+\s+)*[-\w./]+",
    ),
    rule(
        &RAISED_COMMAND,
        74,
        r"(?im)(?:^|[;&|]\s*)su\s+(?:-|root|-l|-c)",
    ),
    rule(
        &RAISED_COMMAND,
        74,
        r"(?i)\brunas\s+/user:|start-process\b[^\n]{0,80}-verb\s+runas|\bpsexec\b[^\n]{0,60}\s-s\b",
    ),
    rule(
        &ROLE,
        82,
        r"(?i)\busermod\b[^\n;|]{0,60}\s-\w*G\w*\s+\S*(?:sudo|wheel|root|admin|docker)|\bgpasswd\s+-a\s+\S+\s+(?:sudo|wheel|root|docker)|\badduser\s+\S+\s+(?:sudo|wheel|root|docker)|\buseradd\b[^\n]{0,80}(?:-u\s*0\b|-o\b)",
    ),
    rule(
        &ROLE,
        84,
        r"(?i)net\s+localgroup\s+administrators\s+\S+\s+/add|net\s+group\s+.domain admins",
    ),
    rule(
        &SETUID,
        86,
        r"(?i)\bchmod\b[^\n;|]{0,24}(?:\b[u+]*\+s\b|\b[246][0-7]{3}\b)|\bos\.setuid\(0\)|\bset(?:e)?uid\s*\(\s*0\s*\)|\bsetcap\b[^\n]{0,40}cap_(?:setuid|sys_admin|dac)",
    ),
    rule(
        &PERMISSION_CHANGE,
        64,
        r"(?i)\bchmod\b\s+(?:-\w+\s+)*(?:0?777|a\+rwx|o\+w|ugo\+rwx)\b|\bchown\b\s+(?:-\w+\s+)*root\b|\bicacls\b[^\n]{0,80}everyone:\(?f|\btakeown\b",
    ),
    // SQL.
    rule(
        &GRANT,
        80,
        r"(?i)\bgrant\s+(?:all(?:\s+privileges)?|super|[\w,\s()]{1,60})\s+on\s+[\w.*\x60\x22\x5b\x5d ]{1,80}\s+to\s+\S+|(?:^|;)\s*grant\s+(?:\w+\s*,\s*)*\w+\s+to\s+['\x22\x60]?[\w@%.]+['\x22\x60]?\s*(?:;|$|with\s)",
    ),
    rule(
        &ROLE,
        84,
        r"(?i)\b(?:alter|create)\s+(?:role|user|login)\b[^;]{0,120}\b(?:superuser|createrole|bypassrls|createdb|sysadmin|replication)\b",
    ),
    rule(
        &ROLE,
        84,
        r"(?i)\bsp_add(?:srv)?rolemember\b|\balter\s+server\s+role\b[^;]{0,60}add\s+member|\bset\s+(?:session\s+authorization|role)\s+['\x22]?(?:postgres|root|admin|dba|sa|superuser)\b",
    ),
    rule(
        &ROLE,
        80,
        r"(?i)\bupdate\s+\S*(?:user|account|member|role)\S*\s+set\b[^;]{0,120}\b(?:role|is_admin|isadmin|is_superuser|admin|privilege|permissions?|access_level)\s*=\s*(?:['\x22]?(?:admin\w*|root|owner|superuser|true|1)\b)",
    ),
    // Files that say who may do what: written, not read.
    rule(
        &AUTH_FILE,
        86,
        r"(?i)(?:>>?|tee\s+(?:-a\s+)?|cp\s+\S+|sed\s+-i[^\n]{0,60}|vi\s|nano\s|mv\s+\S+|install\s+\S+)\s*\S*(?:/etc/sudoers|/etc/passwd|/etc/shadow|/etc/group|authorized_keys|/etc/ld\.so\.preload|/etc/cron|/etc/pam\.d|pg_hba\.conf)",
    ),
    rule(
        &ROLE,
        86,
        r"(?i)\ball\s*=\s*\(\s*all(?:\s*:\s*all)?\s*\)\s*(?:nopasswd:)?\s*all\b",
    ),
    // Policies of clouds and clusters.
    rule(
        &WILDCARD,
        86,
        r#"(?is)["']?action["']?\s*[:=]\s*\[?\s*["']\*(?::\*)?["'].{0,200}["']?resource["']?\s*[:=]\s*\[?\s*["']\*["']|["']?resource["']?\s*[:=]\s*\[?\s*["']\*["'].{0,200}["']?action["']?\s*[:=]\s*\[?\s*["']\*(?::\*)?["']"#,
    ),
    rule(
        &WILDCARD,
        80,
        r#"(?i)(?:attach|put)-(?:user|role|group)-policy\b[^\n]{0,160}(?:administratoraccess|poweruseraccess|iamfullaccess)|arn:aws:iam::aws:policy/(?:administratoraccess|iamfullaccess)|roles/(?:owner|iam\.securityadmin)\b|\bcluster-admin\b[^\n]{0,80}(?:--|binding|user|serviceaccount)|clusterrolebinding[^\n]{0,120}cluster-admin|system:masters|verbs["']?:\s*\[\s*["']\*["']\s*\]|--member[= ]["']?allusers"#,
    ),
    rule(
        &IMPERSONATION,
        72,
        r"(?i)\biam\s+(?:create-access-key|create-login-profile|update-assume-role-policy)\b|\bsts\s+assume-role\b[^\n]{0,120}(?:admin|root|owner)|\bkubectl\b[^\n]{0,120}--as[= ](?:system:|cluster-admin|admin|root)",
    ),
    // Tokens and identities of others.
    rule(&IMPERSONATION, 84, r#"(?i)"alg"\s*:\s*"none""#),
    rule(
        &IMPERSONATION,
        68,
        r"(?i)\bimpersonat(?:e|ing)\b[^\n.]{0,40}\b(?:admin\w*|root|owner|ceo|superuser|another user|other user|service account|user id)|(?:x-forwarded-user|x-remote-user|x-original-user|x-user-role)\s*[:=]\s*['\x22]?(?:admin|root|owner|superuser)|/var/run/secrets/kubernetes\.io/serviceaccount/token",
    ),
    // Containers that reach their host.
    rule(
        &CONTAINER,
        82,
        r"(?i)\b(?:docker|podman|nerdctl)\s+run\b[^\n]{0,200}(?:--privileged|--pid[= ]host|-v\s+/:|--volume[= ]/:|docker\.sock|--cap-add[= ](?:sys_admin|all))|\bnsenter\b[^\n]{0,80}(?:-t\s*1\b|--target[= ]1\b)|release_agent|chroot\s+/host",
    ),
    rule(
        &CONTAINER,
        72,
        r#"(?i)["']?(?:privileged|hostpid|hostnetwork)["']?\s*:\s*true|hostpath:\s*\n?\s*path:\s*/\s*(?:\n|$)"#,
    ),
];

/// Argument names that say which role somebody gets.
const ROLE_KEYS: [&str; 11] = [
    "role",
    "roles",
    "new_role",
    "permission",
    "permissions",
    "access_level",
    "group",
    "groups",
    "privilege",
    "privileges",
    "scope",
];
/// Roles that may do everything.
const HIGH_ROLES: [&str; 18] = [
    "admin",
    "administrator",
    "root",
    "owner",
    "superuser",
    "super_admin",
    "superadmin",
    "sysadmin",
    "cluster-admin",
    "full_access",
    "all",
    "*",
    "dba",
    "global_admin",
    "domain admins",
    "roles/owner",
    "system:masters",
    "super-admin",
];
/// Flags that make somebody an administrator.
const ADMIN_FLAGS: [&str; 6] = [
    "is_admin",
    "isadmin",
    "admin",
    "is_superuser",
    "sudo",
    "superuser",
];
/// Keys under which a text is executed or written and not merely spoken.
const PROSE_CHANNELS_BYTES: usize = 400;

/// Looks for raised rights.
#[derive(Debug)]
pub(super) struct PrivilegeEscalation;

impl Detector for PrivilegeEscalation {
    fn vector(&self) -> Vector {
        Vector::PrivilegeEscalation
    }

    fn phase(&self) -> Phase {
        Phase::Content
    }

    fn codes(&self) -> &'static [&'static FindingCode] {
        CODES
    }

    fn literals(&self) -> &'static [Literals] {
        LITERALS
    }

    fn reads_facts(&self) -> bool {
        true
    }

    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }

    fn detect(&self, cx: &DetectContext<'_>, out: &mut Findings) {
        roles(cx, out);
        if cx.facts.shell.present && cx.facts.shell.elevated {
            out.push(Finding::whole(&RAISED_COMMAND, 74));
        }
        if cx.facts.sql.present && cx.facts.sql.rights {
            out.push(Finding::whole(&GRANT, 78));
        }
        if !cx.scanned.has(Vector::PrivilegeEscalation) {
            return;
        }
        for view in cx.scanned.views() {
            if view.classes(Vector::PrivilegeEscalation) == 0 || view.kind == ViewKind::Respelt {
                continue;
            }
            texts(cx, view, out);
        }
    }
}

fn texts(cx: &DetectContext<'_>, view: &View<'_>, out: &mut Findings) {
    let Some((set, segment)) = RULES.as_ref().zip(cx.scanned.segment_of(view)) else {
        return;
    };
    // A message or a plan may speak of `sudo`; only what is run or written raises rights.
    let spoken = matches!(segment.channel, Channel::Context | Channel::Metadata)
        || cx.action.action_type == ActionType::MessageSend
        || (view.text.len() > PROSE_CHANNELS_BYTES
            && !matches!(
                cx.action.action_type,
                ActionType::CodeExecution
                    | ActionType::ProcessSpawn
                    | ActionType::PermissionChange
                    | ActionType::DatabaseWrite
                    | ActionType::DatabaseQuery
                    | ActionType::FileWrite
            ));
    for n in set.matches(view.text.as_bytes()).iter() {
        let Some(rule) = RULE_TABLE.get(n) else {
            continue;
        };
        let confidence = if spoken {
            rule.confidence.saturating_sub(40)
        } else {
            rule.confidence
        };
        cx.report(out, view, rule.code, confidence, (0, view.text.len()));
    }
    let writes = matches!(
        cx.action.action_type,
        ActionType::FileWrite | ActionType::FileDelete
    );
    if writes && segment.channel != Channel::Context {
        for file in [
            "/etc/sudoers",
            "/etc/passwd",
            "/etc/shadow",
            "authorized_keys",
            "/etc/ld.so.preload",
            "/etc/pam.d",
            "/etc/cron",
            "pg_hba.conf",
        ] {
            if let Some(at) = find(view.text.as_bytes(), 0, file) {
                if view.text.len() < 256 {
                    cx.report(out, view, &AUTH_FILE, 84, (at, at + file.len()));
                }
                return;
            }
        }
    }
}

/// Arguments that give somebody a high role, and permission changes for everybody or the agent
/// itself.
fn roles(cx: &DetectContext<'_>, out: &mut Findings) {
    let action = cx.action;
    let changes = action.action_type == ActionType::PermissionChange
        || [
            "role",
            "permission",
            "grant",
            "iam",
            "admin",
            "privilege",
            "member",
            "user",
        ]
        .iter()
        .any(|w| find(action.tool.as_bytes(), 0, w).is_some());
    if !changes {
        return;
    }
    let reads = [
        "list", "get", "read", "describe", "search", "find", "view", "show", "check",
    ]
    .iter()
    .any(|w| {
        action
            .tool
            .rsplit(['.', '/', ':'])
            .next()
            .is_some_and(|t| t.to_ascii_lowercase().starts_with(w))
    });
    if reads && action.action_type != ActionType::PermissionChange {
        return;
    }
    for (root, value) in [
        ("arguments", &action.arguments),
        ("payload", &action.payload),
    ] {
        let Some(object) = value.as_object() else {
            continue;
        };
        for (key, value) in object.iter() {
            let lower = key.to_ascii_lowercase();
            let high = match value {
                Value::String(text) => high_role(text),
                Value::Array(items) => items.iter().filter_map(Value::as_str).any(high_role),
                _ => false,
            };
            let flagged =
                ADMIN_FLAGS.contains(&lower.as_str()) && matches!(value, Value::Bool(true));
            if (high && ROLE_KEYS.contains(&lower.as_str())) || flagged {
                out.push(Finding {
                    path: format!("{root}.{key}").into(),
                    ..Finding::whole(&ROLE, 76)
                });
            }
            let subject = value.as_str().unwrap_or_default();
            let itself = !subject.is_empty() && subject == action.agent_id;
            let everybody = [
                "everyone",
                "allusers",
                "public",
                "anonymous",
                "allauthenticatedusers",
                "*",
            ]
            .iter()
            .any(|e| e.eq_ignore_ascii_case(subject));
            let to = [
                "user",
                "principal",
                "member",
                "subject",
                "grantee",
                "to",
                "agent",
                "account",
                "who",
            ]
            .contains(&lower.as_str());
            if to && (itself || everybody) && action.action_type == ActionType::PermissionChange {
                out.push(Finding {
                    path: format!("{root}.{key}").into(),
                    ..Finding::whole(&PERMISSION_CHANGE, 78)
                });
            }
        }
    }
}

fn high_role(text: &str) -> bool {
    let text = text.trim();
    HIGH_ROLES.iter().any(|r| r.eq_ignore_ascii_case(text))
}
