//! What the fuzz targets share: how an input becomes the text that a target reads.

use std::borrow::Cow;

/// Bytes of the texts that [`text`] makes: what is quadratic takes seconds at this size.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Lengths of what is repeated, bytes; the last is the whole.
const UNITS: [usize; 8] = [1, 2, 3, 4, 6, 10, 16, usize::MAX];

/// The text that `data` stands for.
///
/// As a rule the bytes themselves, with U+FFFD for what is not UTF-8. Where the last byte is one
/// that UTF-8 has no use for, 0xF8 and above, its low three bits say how much of what stands before
/// it is repeated up to `bytes_max`: as many of the last bytes as [`UNITS`] says. Few bytes reach
/// what only shows in long and in deeply nested texts, and few inputs do, as they are slow.
#[must_use]
pub fn text(data: &[u8], bytes_max: usize) -> Cow<'_, str> {
    let bytes_max = bytes_max.min(TEXT_BYTES_MAX);
    match data.split_last() {
        Some((control @ 0xF8.., rest)) if !rest.is_empty() => {
            let unit = UNITS[usize::from(control & 7)].min(rest.len());
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
