//! Personal data and secrets in text: one file per kind, each with its own check (a checksum, an
//! issuer's range, a keyword beside it), and the ways to mask them.

mod bank_account;
mod card;
mod date_of_birth;
mod email;
mod generic_secret;
mod ip_address;
mod jwt;
mod kind;
mod mask;
mod numbers;
mod passport;
mod password;
mod phone;
mod private_key;
mod scan;
mod ssn;
mod token;
mod url_credentials;

pub use kind::{Family, Kind, Match};
pub use mask::{Masked, Strategy, mask_text, mask_value};
pub(crate) use scan::{KEYWORD_LITERALS, Words, find_with};
pub use scan::{KINDS, find};
