//! Pages for people: static, without script, and what agents wrote only as visible text.

use std::fmt::Write as _;

use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::hex;

use super::report::Report;
use super::{Pass, Scope, csv};

/// What a bundle says of anchors.
pub(super) const NO_ANCHORS: &str = "\
This bundle holds no time-stamps or witnesses' signatures from outside: this installation has none.\n\
What shows that the log was not replaced as a whole is a checkpoint that you, or somebody you trust,\n\
kept from before: give it to the verifier with --checkpoint.\n";

const STYLE: &str = "\
body{max-width:60rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:#171b21;background:#fff}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%;font-size:.9rem}\
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #d5dae1;overflow-wrap:anywhere}\
td.n{text-align:right;font-variant-numeric:tabular-nums}code,pre{font-family:ui-monospace,monospace;font-size:.85em}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f7f9;padding:.75rem}.soft{color:#59636f}\
@media(prefers-color-scheme:dark){body{color:#e7eaee;background:#14171b}th,td{border-color:#343b45}pre{background:#1c2026}.soft{color:#9aa5b1}}";

/// Text as text: markup escaped, what is not seen made visible.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c if csv::hidden(c) => {
                let _ = write!(out, "{}", c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}

fn begin(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\
         <title>{0}</title><style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n",
        text(title)
    )
}

fn table<'a>(
    out: &mut String,
    head: &[&str],
    rows: impl Iterator<Item = Vec<(bool, String)>> + 'a,
) {
    out.push_str("<table><thead><tr>");
    for cell in head {
        let _ = write!(out, "<th>{}</th>", text(cell));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (number, cell) in row {
            let class = if number { " class=\"n\"" } else { "" };
            let _ = write!(out, "<td{class}>{}</td>", text(&cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
}

fn word(text: impl Into<String>) -> (bool, String) {
    (false, text.into())
}

fn number(n: u64) -> (bool, String) {
    (true, n.to_string())
}

fn scope_text(scope: &Scope) -> String {
    let mut out = match (&scope.run, &scope.action) {
        (Some(run), _) => format!("the entries of run {run}"),
        (_, Some(action)) => format!("the entries about decision {action}"),
        _ => "all entries".to_owned(),
    };
    if let Some(from) = &scope.from {
        let _ = write!(out, " from {from}");
    }
    if let Some(to) = &scope.to {
        let _ = write!(out, " before {to}");
    }
    out
}

/// `README.html` of a bundle.
pub(super) fn readme(
    created: &str,
    by: &str,
    scope: &Scope,
    head: &Checkpoint,
    vkey: &str,
    pass: &Pass,
    reports: &[Report],
) -> String {
    let mut out = begin("Evidence of what agents did");
    let _ = writeln!(
        out,
        "<p>This bundle holds {} of the log <code>{}</code>: {} of its {} entries, made {} for {}.</p>",
        text(&scope_text(scope)),
        text(&head.origin),
        pass.entries,
        head.size,
        text(created),
        text(by)
    );
    let _ = write!(
        out,
        "<h2>How to verify it</h2>\n<p>Take a verifier from somewhere else than this bundle: whoever \
         could alter the bundle could alter the verifiers in it. You need Python, and the key that \
         the log began with, as its operator published it. Compare it; this bundle says</p>\n\
         <pre>{0}</pre>\n<pre>python3 verify.py BUNDLE.zip --vkey '{0}'\ninterlock evidence verify BUNDLE.zip --vkey '{0}'</pre>\n\
         <p>or open <code>verify.html</code> in a browser and drop the zip on it. A checkpoint of this log \
         that you kept from before (<code>--checkpoint FILE</code>) also shows that the log was not \
         replaced as a whole.</p>\n",
        text(vkey)
    );
    out.push_str(
        "<p>The answer is one line. <code>ok</code>: every file is as it was signed, and every entry is in \
         the log under the signed checkpoint. <code>altered</code> names the file, or the number of the \
         entry. <code>missing</code>, <code>unlisted</code>, <code>signature</code> and \
         <code>refused</code> say what they say; <code>FORMAT.md</code> has the rules.</p>\n",
    );
    let _ = write!(
        out,
        "<h2>What it proves, and what not</h2>\n<ul>\n<li>That these entries stand in the log under the \
         root <code>{}</code>, in this order, unaltered.</li>\n<li>For a range: that no entry \
         between the first and the last of a stretch in <code>ranges.csv</code> is left out. A selection leaves \
         others out, of which it shows no more than hashes.</li>\n<li>Not that an agent did nothing else: \
         what did not pass through Interlock is not in the log. <code>gaps.csv</code> lists when the node \
         was not running, and steps of its clock.</li>\n<li>Not the tables: <code>approvals.csv</code>, \
         <code>controls/</code> and the others are made from the entries and signed with them; the entries \
         are the evidence.</li>\n<li>Contents (arguments, prompts, results) are not enclosed; entries hold \
         commitments to them. The masked difference of an action that a person changed is in \
         <code>approvals.csv</code>.</li>\n</ul>\n",
        hex(&head.root)
    );
    let sums = &pass.rows.sums;
    out.push_str("<h2>Decisions</h2>\n");
    let effects = sums.effects.iter();
    table(
        &mut out,
        &["effect", "decisions"],
        effects.map(|(effect, n)| vec![word(effect.clone()), number(*n)]),
    );
    reviews(&mut out, sums);
    if let Some(before) = &pass.before
        && !scope.is_selective()
    {
        let _ = writeln!(
            out,
            "<p class=\"soft\">In force when it begins: revision {} since entry {}, {}.</p>",
            before.revision,
            before.seq,
            text(&before.at)
        );
    }
    out.push_str("<h2>Files</h2>\n");
    let files = [
        (
            "entries.jsonl, ranges.csv",
            "the entries as stored, one a line, and their numbers",
        ),
        (
            "tile/, checkpoint, checkpoints.txt",
            "the tree (c2sp.org/tlog-tiles) and its signed roots",
        ),
        (
            "keys/keys.json",
            "the key that the log began with, and each change of it",
        ),
        (
            "policies/",
            "changes in the range; texts of every kept revision; what is in force. Texts of base policies that were replaced are not kept: entries name them by digest",
        ),
        (
            "approvals.csv",
            "who answered what, when, by which way, and after how many seconds",
        ),
        (
            "controls/",
            "for each framework: control, query, count, and the first and last entry counted",
        ),
        (
            "erasures.csv, gaps.csv",
            "contents that were erased; starts, stops, cuts and clock steps",
        ),
        ("anchors/", "time-stamps from outside; none here"),
        (
            "manifest.json, manifest.note",
            "the digest of every file, signed with the log's key",
        ),
    ];
    table(
        &mut out,
        &["file", "what it is"],
        files
            .iter()
            .map(|(file, what)| vec![word(*file), word(*what)]),
    );
    out.push_str("<h2>Frameworks</h2>\n");
    for report in reports {
        let silent = report
            .controls
            .iter()
            .filter(|c| c.evidenced.is_empty())
            .count();
        let _ = writeln!(
            out,
            "<p><b>{}</b> (<code>controls/{}.json</code>): {} controls with counts, {silent} not evidenced \
             by this log. {}</p>",
            text(&report.title),
            text(&report.framework),
            report.controls.len() - silent,
            text(&report.note)
        );
    }
    out.push_str("</body></html>\n");
    out
}

fn reviews(out: &mut String, sums: &super::Sums) {
    out.push_str("<h2>Agents</h2>\n");
    table(
        out,
        &[
            "agent",
            "decisions",
            "blocked",
            "held for a person",
            "reported after they ran",
            "last",
        ],
        sums.agents.iter().map(|(name, a)| {
            vec![
                word(name.clone()),
                number(a.decisions),
                number(a.blocked),
                number(a.held),
                number(a.reported),
                word(a.last.clone()),
            ]
        }),
    );
    out.push_str("<h2>People</h2>\n");
    table(
        out,
        &[
            "person",
            "agreed",
            "changed",
            "refused",
            "mean seconds to decide",
            "quickest",
            "own requests",
        ],
        sums.people.iter().map(|(name, p)| {
            let mean = p.seconds.checked_div(p.timed);
            let timed =
                |n: Option<u64>| (true, n.map_or_else(|| "-".to_owned(), |n| n.to_string()));
            vec![
                word(name.clone()),
                number(p.approved),
                number(p.edited),
                number(p.denied),
                timed(mean),
                timed((p.timed > 0).then_some(p.seconds_min)),
                number(p.own),
            ]
        }),
    );
    let _ = write!(
        out,
        "<p>{} approvals ran out and were denied for it. {} erasures. {} steps back of the clock.</p>\n\
         <h2>Changes of policies</h2>\n",
        sums.expired, sums.erasures, sums.clock_steps
    );
    table(
        out,
        &["entry", "when", "who", "what", "of", "revision"],
        sums.policies.iter().take(200).map(|p| {
            vec![
                number(p.seq),
                word(p.at.clone()),
                word(p.by.clone()),
                word(p.what.clone()),
                word(p.id.clone()),
                number(p.revision),
            ]
        }),
    );
    let more = sums.policies.len().saturating_sub(200) as u64 + sums.policies_more;
    if more > 0 {
        let _ = writeln!(out, "<p class=\"soft\">and {more} more</p>");
    }
}

/// A report as a page.
pub(super) fn report(report: &Report) -> String {
    let mut out = begin(&report.title);
    let _ = write!(
        out,
        "<p>{} of tenant {}: {} entries counted, made {}. Source of the controls: {}.</p>\n<p><b>{}</b></p>\n\
         <p>Every count is of entries in the log <code>{}</code> under the root <code>{}</code> of {} entries. \
         The numbers of the first and the last are given; the JSON form brings a proof of each.</p>\n",
        text(&scope_text(&report.scope)),
        text(&report.tenant),
        report.entries,
        text(&report.created),
        text(&report.source),
        text(&report.note),
        text(&report.origin),
        text(&report.root),
        report.size
    );
    out.push_str("<h2>Controls</h2>\n");
    let rows = report.controls.iter().flat_map(|control| {
        let label = format!("{} {}", control.id, control.title);
        let mut rows: Vec<Vec<(bool, String)>> = control
            .evidenced
            .iter()
            .map(|e| {
                let at =
                    |n: Option<u64>| (true, n.map_or_else(|| "-".to_owned(), |n| n.to_string()));
                vec![
                    word(label.clone()),
                    word(e.what.clone()),
                    word(e.count.query.clone()),
                    number(e.count.count),
                    at(e.count.first),
                    at(e.count.last),
                ]
            })
            .collect();
        if !control.not_evidenced.is_empty() {
            rows.push(vec![
                word(label.clone()),
                word(format!(
                    "Not evidenced by this log: {}",
                    control.not_evidenced
                )),
            ]);
        }
        rows
    });
    table(
        &mut out,
        &[
            "control",
            "what",
            "query",
            "count",
            "first entry",
            "last entry",
        ],
        rows,
    );
    let _ = write!(
        out,
        "<h2>Retention</h2>\n<p>{}: {}</p>\n<p class=\"soft\">{}</p>\n",
        text("What is held"),
        text(&report.retention.statement),
        text(&report.retention.source)
    );
    reviews(&mut out, &report.sums);
    out.push_str("</body></html>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn hostile_text_is_text() {
        assert_eq!(
            text("<img src=x onerror='a'>\u{202e}&\u{200b}"),
            "&lt;img src=x onerror=&#39;a&#39;&gt;\\u{202e}&amp;\\u{200b}"
        );
    }
}
