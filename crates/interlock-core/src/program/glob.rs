//! Globs in the manner of fnmatch: `*` crosses `/`, `?` is one character, `[…]` a class.

/// A compiled glob.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    pattern: Box<str>,
    tokens: Vec<Token>,
    /// The bytes that stand in every match.
    needs: ByteSet,
}

/// Which bytes a text has, modulo 64: a text without a byte that a glob needs need not be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ByteSet(u64);

impl ByteSet {
    /// The bytes of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(text.bytes().fold(0, |set, b| set | 1 << (b % 64)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Token {
    Literal(Box<str>),
    Any,
    One,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Compiles `pattern`; every text is a pattern, as in fnmatch a `[` without `]` is literal.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let mut tokens = Vec::new();
        let mut literal = String::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            let token = match c {
                '*' => Some(Token::Any),
                '?' => Some(Token::One),
                '[' => parse_class(&mut rest),
                _ => None,
            };
            match token {
                Some(token) => {
                    if !literal.is_empty() {
                        tokens.push(Token::Literal(std::mem::take(&mut literal).into()));
                    }
                    if token != Token::Any || tokens.last() != Some(&Token::Any) {
                        tokens.push(token);
                    }
                }
                None => literal.push(c),
            }
        }
        if !literal.is_empty() {
            tokens.push(Token::Literal(literal.into()));
        }
        let needs = tokens.iter().fold(0, |set, token| match token {
            Token::Literal(text) => set | ByteSet::of(text).0,
            _ => set,
        });
        Self {
            pattern: pattern.into(),
            tokens,
            needs: ByteSet(needs),
        }
    }

    /// Whether a text of these bytes may match; where not, none of them does.
    #[must_use]
    pub const fn may_match(&self, bytes: ByteSet) -> bool {
        self.needs.0 & !bytes.0 == 0
    }

    /// The pattern as written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The literal text that every match begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.tokens.first() {
            Some(Token::Literal(text)) => text,
            _ => "",
        }
    }

    /// The whole text, when the pattern holds no wildcard.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.tokens.as_slice() {
            [] => Some(""),
            [Token::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether the pattern matches everything.
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(self.tokens.as_slice(), [Token::Any])
    }

    /// Whether all of `text` matches. Linear in `text` times the number of tokens.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut tokens = self.tokens.as_slice();
        let mut rest = text;
        // Where to resume when the tokens after the last `*` did not fit.
        let mut retry: Option<(&[Token], &str)> = None;
        loop {
            match tokens.split_first() {
                Some((Token::Any, after)) => {
                    if after.is_empty() {
                        return true;
                    }
                    retry = Some((after, rest));
                    tokens = after;
                    continue;
                }
                Some((token, after)) => {
                    if let Some(remaining) = token.eat(rest) {
                        rest = remaining;
                        tokens = after;
                        continue;
                    }
                }
                None if rest.is_empty() => return true,
                None => {}
            }
            let Some((after, from)) = retry else {
                return false;
            };
            // A literal after `*` can be searched for instead of tried at every position.
            let next = match after.first() {
                Some(Token::Literal(text)) => {
                    let mut chars = from.chars();
                    if chars.next().is_none() {
                        return false;
                    }
                    let tail = chars.as_str();
                    match find(tail, text) {
                        Some(at) => tail.get(at..).unwrap_or_default(),
                        None => return false,
                    }
                }
                _ => {
                    let mut chars = from.chars();
                    if chars.next().is_none() {
                        return false;
                    }
                    chars.as_str()
                }
            };
            retry = Some((after, next));
            rest = next;
            tokens = after;
        }
    }
}

/// Where `needle` first stands in `hay`. Names are short, so that looking for the first byte beats
/// the preparation of a cleverer search.
fn find(hay: &str, needle: &str) -> Option<usize> {
    let (first, rest) = needle.as_bytes().split_first()?;
    let hay = hay.as_bytes();
    let last = hay.len().checked_sub(needle.len())?;
    let mut from = 0;
    while let Some(at) = hay
        .get(from..=last)
        .and_then(|window| window.iter().position(|b| b == first))
    {
        let at = from + at;
        if hay.get(at + 1..).is_some_and(|tail| tail.starts_with(rest)) {
            return Some(at);
        }
        from = at + 1;
        if from > last {
            break;
        }
    }
    None
}

impl Token {
    fn eat<'a>(&self, text: &'a str) -> Option<&'a str> {
        match self {
            Self::Literal(literal) => text.strip_prefix(&**literal),
            Self::Any => None,
            Self::One => {
                let mut chars = text.chars();
                chars.next().map(|_| chars.as_str())
            }
            Self::Class { negated, ranges } => {
                let mut chars = text.chars();
                let c = chars.next()?;
                let inside = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                (inside != *negated).then_some(chars.as_str())
            }
        }
    }
}

fn parse_class(rest: &mut std::str::Chars<'_>) -> Option<Token> {
    let mut ahead = rest.clone();
    let mut negated = false;
    let mut ranges: Vec<(char, char)> = Vec::new();
    let mut first = true;
    loop {
        let c = ahead.next()?;
        match c {
            '!' | '^' if first && !negated && ranges.is_empty() => {
                negated = true;
                continue;
            }
            ']' if !ranges.is_empty() => break,
            _ => {
                let mut after = ahead.clone();
                if after.next() == Some('-')
                    && let Some(high) = after.next().filter(|h| *h != ']')
                {
                    ranges.push((c, high));
                    ahead = after;
                } else {
                    ranges.push((c, c));
                }
            }
        }
        first = false;
    }
    *rest = ahead;
    Some(Token::Class { negated, ranges })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The textbook definition, exponential and obvious.
    fn naive(tokens: &[Token], text: &str) -> bool {
        match tokens.split_first() {
            None => text.is_empty(),
            Some((Token::Any, after)) => {
                naive(after, text)
                    || text
                        .chars()
                        .next()
                        .is_some_and(|c| naive(tokens, &text[c.len_utf8()..]))
            }
            Some((token, after)) => token.eat(text).is_some_and(|rest| naive(after, rest)),
        }
    }

    #[test]
    fn cases() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(
                Glob::new(pattern).matches(text),
                expected,
                "{pattern} on {text}"
            );
        };
        check("prod.*", "prod.users", true);
        check("prod.*", "production", false);
        check("*.env", "/srv/app/.env", true);
        check("/data/*", "/data/a/b.csv", true);
        check("/data/?.csv", "/data/a.csv", true);
        check("/data/[a-c].csv", "/data/b.csv", true);
        check("/data/[!a-c].csv", "/data/b.csv", false);
        check("[]x]", "]", true);
        check("[x", "[x", true);
        check("*a*b*c", "xxaxxbxxc", true);
        check("*a*b*c", "xxaxxbxx", false);
        check("", "", true);
        check("*", "", true);
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?\\[\\]!-]{0,8}", text in "[ab-]{0,10}") {
            let glob = Glob::new(&pattern);
            prop_assert_eq!(glob.matches(&text), naive(&glob.tokens, &text));
        }
    }
}
