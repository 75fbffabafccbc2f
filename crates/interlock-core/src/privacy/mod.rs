//! Personal data and secrets in text: one file per kind or national family, each with its own check (a
//! checksum, an issuer's range, a word beside it); masking, and synthetic values in the same form.

mod bank;
mod bank_account;
mod card;
mod check;
mod code;
mod context;
mod date_of_birth;
mod device;
mod draw;
mod driving_licence;
mod email;
mod health;
mod ip_address;
mod kind;
mod mask;
mod national;
mod number;
mod passport;
mod person_name;
mod phone;
mod postal_address;
mod redact;
mod registry;
mod replace;
mod run;
mod scan;
mod secret;
mod vehicle;
mod wallet;

pub use kind::{Family, Kind, Match};
pub use mask::{Masked, Strategy, mask_text, mask_value};
pub use redact::redact_value;
pub use replace::{Key, replace_text, replace_value};
pub(crate) use scan::{Input, KEYWORD_LITERALS, find_with};
pub use scan::{KINDS, find, kind};
pub(crate) use secret::password::field as password_field;
pub use secret::token::vendor_names;

#[cfg(test)]
mod tests {
    /// How sure the surest match of the kind `name` in `text` is; 0: there is none.
    pub(super) fn sure_of(name: &str, text: &str) -> u8 {
        super::find(text)
            .iter()
            .filter(|m| m.kind.name == name)
            .map(|m| m.confidence)
            .max()
            .unwrap_or(0)
    }
}
