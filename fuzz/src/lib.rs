//! What the fuzz targets share: how an input becomes the text that a target reads.

use std::borrow::Cow;

/// Bytes of the texts that [`text`] makes: what is quadratic takes seconds at this size.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The text that `data` stands for.
///
/// As a rule the bytes themselves, with U+FFFD for what is not UTF-8. Where the last byte is one
/// that no UTF-8 text ends in, 0xC0 and above, it says how the rest is repeated up to `bytes_max`:
/// with bit 5 the whole of it, else as many of its last bytes as the low five bits say, plus one.
/// Few bytes reach what only shows in long and in deeply nested texts.
#[must_use]
pub fn text(data: &[u8], bytes_max: usize) -> Cow<'_, str> {
    let bytes_max = bytes_max.min(TEXT_BYTES_MAX);
    match data.split_last() {
        Some((control @ 0xC0.., rest)) if !rest.is_empty() => {
            let unit = if control & 0x20 != 0 {
                rest.len()
            } else {
                (usize::from(control & 0x1F) + 1).min(rest.len())
            };
            let unit = String::from_utf8_lossy(&rest[rest.len() - unit..]);
            let mut out = String::from_utf8_lossy(rest).into_owned();
            while out.len() + unit.len() <= bytes_max {
                out.push_str(&unit);
            }
            Cow::Owned(out)
        }
        _ => String::from_utf8_lossy(data),
    }
}
