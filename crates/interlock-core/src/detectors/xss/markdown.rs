//! What a Markdown text shows as code: quoted there, script is shown and not run.

/// Code spans of one text that are told apart; what stands past them counts as text.
const CODE_SPANS_MAX: usize = 4_096;

/// The code spans and blocks of a text that is prose besides.
pub(super) fn code(text: &str) -> Vec<(usize, usize)> {
    const PROSE_WORDS_MIN: usize = 6;
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let bytes = text.as_bytes();
    let mut words = 0;
    let mut i = 0;
    let mut outside = 0;
    for _ in 0..CODE_SPANS_MAX {
        let Some(n) = bytes
            .get(i..)
            .and_then(|rest| rest.iter().position(|b| *b == b'`'))
        else {
            break;
        };
        let open = i + n;
        let ticks = run(bytes, open);
        words += prose_words(text.get(outside..open).unwrap_or_default());
        let Some(end) = closing(bytes, open + ticks, ticks) else {
            // A fence that nothing closes reaches to the end; other ticks are only themselves.
            if ticks >= 3 {
                spans.push((open, text.len()));
                outside = text.len();
                break;
            }
            i = open + ticks;
            outside = i;
            continue;
        };
        spans.push((open, end));
        i = end;
        outside = end;
    }
    words += prose_words(text.get(outside..).unwrap_or_default());
    if words < PROSE_WORDS_MIN {
        spans.clear();
    }
    spans
}

fn run(bytes: &[u8], from: usize) -> usize {
    bytes.iter().skip(from).take_while(|b| **b == b'`').count()
}

/// One past the run of exactly `ticks` that closes a span; a span of few ticks is short.
fn closing(bytes: &[u8], from: usize, ticks: usize) -> Option<usize> {
    const SPAN_BYTES_MAX: usize = 400;
    let limit = if ticks >= 3 {
        bytes.len()
    } else {
        bytes.len().min(from + SPAN_BYTES_MAX)
    };
    let mut i = from;
    while i < limit {
        if bytes.get(i) != Some(&b'`') {
            i += 1;
            continue;
        }
        let count = run(bytes, i);
        i += count;
        if count == ticks || (ticks >= 3 && count > ticks) {
            return Some(i);
        }
    }
    None
}

/// Words of a sentence: letters alone, in markup or not.
pub(super) fn prose_words(text: &str) -> usize {
    text.split_whitespace()
        .filter(|w| {
            let word = w.trim_end_matches(['.', ',', ':', ';', '!', '?']);
            word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic())
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_blocks_of_a_document() {
        let prose = "one two words more of this text";
        for (text, shown) in [
            (format!("{prose} `<b>` end"), vec!["`<b>`"]),
            (
                format!("{prose}\n```\na ` b\n```\nend `c`"),
                vec!["```\na ` b\n```", "`c`"],
            ),
            (format!("{prose} ``a ` b`` end"), vec!["``a ` b``"]),
            (
                format!("{prose}\n```\nnever closed"),
                vec!["```\nnever closed"],
            ),
            (format!("{prose} a ` alone"), vec![]),
            ("`<script>go()</script>`".to_owned(), vec![]),
        ] {
            let found: Vec<&str> = code(&text).iter().map(|(a, b)| &text[*a..*b]).collect();
            assert_eq!(found, shown, "{text}");
        }
    }

    #[test]
    fn ticks_without_end_are_looked_at_a_few_times_only() {
        let text = "` ``".repeat(100_000);
        assert!(code(&text).len() <= CODE_SPANS_MAX);
    }
}
