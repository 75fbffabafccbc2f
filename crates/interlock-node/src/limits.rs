//! The limits on what an action may hold, so that `lib/plain.cjs` need not write out what is refused.

use interlock_core::model::limits;
use napi_derive::napi;

/// Bytes of one action as JSON.
#[napi]
pub const BODY_BYTES_MAX: u32 = limits::BODY_BYTES_MAX as u32;
/// Nesting of arrays and objects.
#[napi]
pub const JSON_DEPTH_MAX: u32 = limits::JSON_DEPTH_MAX as u32;
/// Keys of one object.
#[napi]
pub const JSON_KEYS_MAX: u32 = limits::JSON_KEYS_MAX as u32;
/// Values of one document.
#[napi]
pub const JSON_VALUES_MAX: u32 = limits::JSON_VALUES_MAX as u32;
/// Bytes of one string.
#[napi]
pub const STRING_BYTES_MAX: u32 = limits::STRING_BYTES_MAX as u32;
/// The version of the library.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
