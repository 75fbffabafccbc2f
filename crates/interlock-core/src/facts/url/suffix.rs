//! Registrable domains.
//!
//! By a built-in list of common public suffixes of more than one label, not the full Public Suffix
//! List: below a suffix that is missing here, the last two labels are taken.

/// Suffixes of two or more labels under which others register names, sorted.
const SUFFIXES: &[&str] = &[
    "ac.jp",
    "ac.uk",
    "amazonaws.com",
    "appspot.com",
    "azurewebsites.net",
    "blob.core.windows.net",
    "blogspot.com",
    "cloudfront.net",
    "co.id",
    "co.il",
    "co.in",
    "co.jp",
    "co.ke",
    "co.kr",
    "co.nz",
    "co.th",
    "co.uk",
    "co.za",
    "com.ar",
    "com.au",
    "com.br",
    "com.cn",
    "com.co",
    "com.eg",
    "com.hk",
    "com.mx",
    "com.my",
    "com.ng",
    "com.ph",
    "com.pk",
    "com.pl",
    "com.sa",
    "com.sg",
    "com.tr",
    "com.tw",
    "com.ua",
    "com.vn",
    "edu.au",
    "firebaseapp.com",
    "fly.dev",
    "github.io",
    "githubusercontent.com",
    "gitlab.io",
    "glitch.me",
    "go.jp",
    "gob.mx",
    "gov.au",
    "gov.br",
    "gov.cn",
    "gov.in",
    "gov.uk",
    "govt.nz",
    "herokuapp.com",
    "ltd.uk",
    "me.uk",
    "ne.jp",
    "net.au",
    "net.br",
    "net.cn",
    "netlify.app",
    "ngrok-free.app",
    "ngrok.app",
    "ngrok.io",
    "nhs.uk",
    "onrender.com",
    "or.jp",
    "or.kr",
    "org.au",
    "org.br",
    "org.cn",
    "org.nz",
    "org.uk",
    "pages.dev",
    "plc.uk",
    "readthedocs.io",
    "run.app",
    "s3.amazonaws.com",
    "sch.uk",
    "surge.sh",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "workers.dev",
];

/// Top-level domains by which a bare `name.tld` in a text is taken for a host.
const TOP_LEVEL: &[&str] = &[
    "ai", "app", "at", "au", "biz", "br", "ca", "cc", "ch", "cloud", "cn", "co", "com", "de",
    "dev", "edu", "es", "eu", "fi", "fr", "gov", "id", "in", "info", "internal", "io", "it", "jp",
    "kr", "link", "live", "local", "me", "mil", "mx", "net", "nl", "no", "nz", "online", "org",
    "pl", "pro", "pw", "ru", "se", "sg", "sh", "shop", "site", "tech", "to", "top", "tv", "uk",
    "us", "xyz", "za",
];

/// The registrable part of a host name: the longest known suffix and the label before it.
pub(super) fn registrable(name: &str) -> &str {
    // From the longest tail to the shortest, so that the first suffix found is the longest.
    let mut before = 0;
    let mut tail = name;
    loop {
        if SUFFIXES.binary_search(&tail).is_ok() {
            return name.get(before..).unwrap_or(name);
        }
        let Some((_, rest)) = tail.split_once('.') else {
            break;
        };
        before = name.len() - tail.len();
        tail = rest;
    }
    // No suffix of the list: the last two labels. `before` is where the second last one starts.
    name.get(before..).unwrap_or(name)
}

/// Whether the last label is a common top-level domain.
pub(super) fn has_top_level(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, top)| TOP_LEVEL.binary_search(&top).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_for_binary_search() {
        assert!(SUFFIXES.is_sorted());
        assert!(TOP_LEVEL.is_sorted());
    }

    #[test]
    fn registrable_domains() {
        for (name, domain) in [
            ("a.b.example.com", "example.com"),
            ("example.com", "example.com"),
            ("com", "com"),
            ("shop.example.co.uk", "example.co.uk"),
            ("co.uk", "co.uk"),
            ("alice.github.io", "alice.github.io"),
            ("x.alice.github.io", "alice.github.io"),
            ("bucket.s3.amazonaws.com", "bucket.s3.amazonaws.com"),
            ("a.acct.blob.core.windows.net", "acct.blob.core.windows.net"),
            ("core.windows.net", "windows.net"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(registrable(name), domain, "{name}");
        }
    }
}
