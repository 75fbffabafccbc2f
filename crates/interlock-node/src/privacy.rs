//! Masking of personal data and secrets.

use interlock_core::privacy::{Strategy, mask_text};
use napi_derive::napi;

use crate::answer::Writer;
use crate::error::configuration;

/// Masks personal data and secrets in `text`. Answers a JSON object: `text`, and `found`, a list of
/// `kind`, `start` and `end`, in UTF-16 code units as JavaScript counts.
#[napi(catch_unwind)]
pub fn mask(text: String, strategy: String) -> napi::Result<String> {
    let Some(strategy) = Strategy::from_name(&strategy) else {
        return Err(configuration(
            &format!("`strategy` must be `partial`, `full` or `hash`, not `{strategy}`"),
            "config.invalid",
        ));
    };
    let masked = mask_text(&text, strategy);
    let mut out = Writer::object();
    out.text("text", &masked.text);
    out.list("found", &masked.matches, |item, one| {
        item.text("kind", one.kind.name);
        item.number("start", utf16(&text, one.start));
        item.number("end", utf16(&text, one.end));
    });
    Ok(out.finish())
}

fn utf16(text: &str, at: usize) -> i64 {
    let units = text
        .get(..at)
        .map_or(0, |before| before.encode_utf16().count());
    i64::try_from(units).unwrap_or(i64::MAX)
}
