//! `Url::parse` and `Host::parse`: the one spelling is read as itself.
#![no_main]

use interlock_core::facts::url::{Host, Url};
use interlock_core::program::Classification;
use interlock_fuzz::text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: {
        std::sync::LazyLock::force(&CLASSES);
    },
    |data: &[u8]| {
        let text = text(data, 16 * 1024);
        if let Some(host) = Host::parse(&text) {
            assert!(host.text.ends_with(host.domain()));
            let _ = host.is_internal(&CLASSES.internal_domains);
            let _ = host.is_metadata_service();
            if host.address.is_none() {
                assert_eq!(Host::parse(&host.text).as_ref(), Some(&host));
            }
        }
        if let Some(url) = Url::parse(&text) {
            let _ = url.is_internal(&CLASSES);
            check(&url, Url::parse(&url.name()));
        }
        if let Some(url) = Url::parse_bare(&text) {
            check(&url, Url::parse_bare(&url.name()));
        }
    }
);

static CLASSES: std::sync::LazyLock<Classification> =
    std::sync::LazyLock::new(Classification::default);

/// A rule that names a URL meets it, however it was spelt.
fn check(url: &Url, again: Option<Url>) {
    let again = again.unwrap_or_else(|| panic!("`{}` is no URL", url.name()));
    assert_eq!(again.name(), url.name());
    assert_eq!((&again.host, again.port), (&url.host, url.port));
}
