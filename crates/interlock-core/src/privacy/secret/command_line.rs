//! Credentials on a command line: `curl -u user:secret`, `sshpass -p secret`.

use crate::privacy::kind::{Finder, Make, Match, kind};
use crate::privacy::mask::nothing;
use crate::privacy::scan::{Input, Words};
use crate::text::Flags;

use super::entropy::Makeup;
use super::placeholder::placeholder;

kind! {
    /// A user and a password given to a command as an argument, where other users of the machine and
    /// its logs can read them.
    KIND = "command_line_credentials", Secret, 85;
    code "command-line-credentials", "a password on a command line";
    example concat!("curl -u elastic:", "P4sswd77 https://localhost:9200");
    checksum "";
    source "https://cwe.mitre.org/data/definitions/214.html";
    words &[];
    find Finder::Text(Flags::ASSIGN.and(Flags::DIGIT), Words::COMMAND, find);
    mask nothing;
    make Make::Own(super::redraw_all);
}

pub(in crate::privacy) const KEYWORDS: &[&str] = &["curl ", "sshpass "];

/// Bytes of a command that are read.
const COMMAND_BYTES_MAX: usize = 2_048;

fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let bytes = input.text.as_bytes();
    let mut last = 0;
    for (_, command) in input.places(Words::COMMAND) {
        if command < last {
            continue;
        }
        let end = bytes.len().min(command + COMMAND_BYTES_MAX);
        let window = bytes.get(command - 1..end).unwrap_or_default();
        for option in ["-u", "--user", "-p"] {
            let marked = window
                .windows(option.len() + 1)
                .enumerate()
                .filter(|(_, w)| {
                    w.first().is_some_and(|b| matches!(b, b' ' | b'\n' | b'\t'))
                        && w.get(1..) == Some(option.as_bytes())
                });
            for (at, _) in marked {
                let after = command - 1 + at + 1 + option.len();
                let sep = bytes.get(after).copied().unwrap_or(0);
                let ssh = option == "-p";
                let fits = matches!(sep, b' ' | b'=') || matches!(sep, b'"' | b'\'');
                if !fits || (ssh && !ended_by(bytes, command, b"sshpass ")) {
                    continue;
                }
                let from = after + usize::from(matches!(sep, b' ' | b'='));
                if let Some(end) = credentials(input.text, from, ssh) {
                    out.push(Match {
                        kind: &KIND,
                        start: from,
                        end,
                        confidence: 78,
                    });
                }
            }
        }
        last = end;
    }
}

fn ended_by(bytes: &[u8], end: usize, word: &[u8]) -> bool {
    end.checked_sub(word.len())
        .and_then(|s| bytes.get(s..end))
        .is_some_and(|t| t.eq_ignore_ascii_case(word))
}

/// The end of the word of a shell at `from`, if it holds a user with a secret, or a secret alone.
fn credentials(text: &str, from: usize, alone: bool) -> Option<usize> {
    const WORD_BYTES_MAX: usize = 256;
    let mut plain = String::new();
    let mut quote = None;
    let mut end = from;
    for (i, c) in text.get(from..)?.char_indices().take(WORD_BYTES_MAX) {
        end = from + i + c.len_utf8();
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => plain.push(c),
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c.is_whitespace() => {
                end = from + i;
                break;
            }
            None => plain.push(c),
        }
    }
    let (user, secret) = if alone {
        ("", plain.as_str())
    } else {
        plain.split_once(':')?
    };
    let braces = |s: &str| s.trim_start_matches('{').trim_end_matches('}').to_owned();
    let (user, secret) = (braces(user), braces(secret));
    let word = [
        "pass", "password", "passwd", "pwd", "secret", "token", "apikey", "key",
    ]
    .iter()
    .any(|w| w.eq_ignore_ascii_case(&secret));
    let variable = plain.contains("${") || plain.contains("$(");
    let given = if secret.is_empty() {
        // A key in place of the user: `-u key:`.
        let makeup = Makeup::of(&user);
        user.len() >= 10
            && makeup.digits > 0
            && makeup.lower + makeup.upper > 0
            && makeup.entropy >= 2_800
    } else {
        secret.len() >= 3 && !word
    };
    let stands_for = placeholder(&secret)
        || placeholder(&user)
        || user.starts_with('$')
        || secret.starts_with('$');
    (given && !variable && !stands_for).then_some(end)
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn commands_with_and_without_a_secret() {
        for text in [
            "curl --cacert ca.crt -u elastic:P4sswd77 https://localhost:9200",
            "curl -u \"d2LkV78zLx9t:\" https://h",
            "curl --user kevin:'pRf7vG2h1L8n' -X PATCH",
            "sshpass -p hunter22 ssh root@h",
        ] {
            assert!(sure_of("command_line_credentials", text) >= 50, "{text}");
        }
        for text in [
            "curl -u \"${username}\":\"${password}\" https://h:1",
            "curl --user \"username:password\" https://h:1",
            "curl -k -X POST -u \"SRVC_JENKINS:${APPID}\" https://h1",
            "curl --user $USER:$TOKEN https://h:1",
            "curl -u user https://h:80",
            "sort -u a:b1 | curl https://h",
        ] {
            assert_eq!(sure_of("command_line_credentials", text), 0, "{text}");
        }
    }
}
