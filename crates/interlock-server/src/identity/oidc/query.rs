//! Queries and forms (`application/x-www-form-urlencoded`), as far as signing in needs them.

use std::fmt::Write as _;

/// Writes a text so that it stands for itself in a query.
pub(super) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Writes a form.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push('&');
        }
        encode(name, &mut out);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

/// The values of these names in a query; `None` when it cannot be read, or has one of them twice.
pub(super) fn fields<const N: usize>(query: &str, names: [&str; N]) -> Option<[Option<String>; N]> {
    let mut found = [const { None }; N];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(place) = names.iter().position(|known| *known == name) else {
            continue;
        };
        let value = String::from_utf8(crate::channels::link::decode(value.as_bytes())?).ok()?;
        if found[place].replace(value).is_some() {
            return None;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let fields_in = [("code", "a b&c=d+é/%"), ("state", "")];
        let text = form(&fields_in);
        assert_eq!(text, "code=a%20b%26c%3Dd%2B%C3%A9%2F%25&state=");
        let [code, state, iss] = fields(&text, ["code", "state", "iss"]).unwrap();
        assert_eq!(
            (code.as_deref(), state.as_deref(), iss),
            (Some("a b&c=d+é/%"), Some(""), None)
        );
        assert_eq!(fields("code=1&code=1", ["code"]), None, "twice");
        assert_eq!(fields("code=%f", ["code"]), None);
        assert_eq!(fields("code=%ff", ["code"]), None);
        assert_eq!(fields("other=%ff&&x", ["code"]), Some([None]));
    }
}
