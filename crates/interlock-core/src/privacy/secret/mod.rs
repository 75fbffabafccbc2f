//! Secrets: what opens something, one file per way to recognise it.

pub(super) mod assigned;
pub(super) mod command_line;
mod entropy;
pub(super) mod jwt;
pub(super) mod password;
pub(super) mod placeholder;
pub(super) mod private_key;
pub(super) mod token;
pub(super) mod url_credentials;
mod vendors;

use super::draw::Draw;

/// A secret in the same form that opens nothing: as many first characters as given stay.
fn redraw(original: &str, keep: usize, draw: &mut Draw) -> String {
    let hex = original
        .chars()
        .skip(keep)
        .all(|c| c.is_ascii_hexdigit() || !c.is_ascii_alphabetic());
    original
        .chars()
        .enumerate()
        .map(|(i, c)| if i < keep { c } else { draw.like(c, hex) })
        .collect()
}

/// All characters drawn anew.
fn redraw_all(original: &str, draw: &mut Draw) -> String {
    redraw(original, 0, draw)
}
