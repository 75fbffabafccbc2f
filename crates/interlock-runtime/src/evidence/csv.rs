//! Tables that open in a spreadsheet without running anything.

/// A row of RFC 4180, every cell quoted.
///
/// What a spreadsheet would take for a formula (OWASP, "CSV Injection") begins with an apostrophe, and
/// control characters and those that turn the direction of text are written as `\u{…}`.
pub(super) fn row<'a>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = &'a str>) {
    for (n, cell) in cells.into_iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        out.push(b'"');
        let first = cell
            .trim_start_matches([' ', '\u{a0}', '\u{3000}'])
            .chars()
            .next();
        if first.is_some_and(|c| "=+-@|%＝＋－＠\t\r\n".contains(c)) {
            out.push(b'\'');
        }
        for c in cell.chars() {
            match c {
                '"' => out.extend_from_slice(b"\"\""),
                c if hidden(c) => out.extend_from_slice(c.escape_unicode().to_string().as_bytes()),
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}

/// Characters that are not seen or that change how others are.
pub(super) fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_cells() {
        for (cell, written) in [
            ("plain", "\"plain\""),
            ("", "\"\""),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("=1+1", "\"'=1+1\""),
            (" =1+1", "\"' =1+1\""),
            ("＝1", "\"'＝1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("a\r\n=b", "\"a\\u{d}\\u{a}=b\""),
            ("\tx", "\"'\\u{9}x\""),
            ("a\u{202e}b\u{200b}", "\"a\\u{202e}b\\u{200b}\""),
        ] {
            let mut out = Vec::new();
            row(&mut out, [cell]);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{written}\r\n"));
        }
    }
}
