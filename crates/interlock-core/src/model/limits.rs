//! The limits on what an action may hold. Past one: a clear error that names it, and nothing lost.

/// Bytes of one action as JSON.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Nesting of arrays and objects.
pub const JSON_DEPTH_MAX: usize = 64;
/// Keys of one object.
pub const JSON_KEYS_MAX: usize = 1_000;
/// Values of one document.
pub const JSON_VALUES_MAX: usize = 50_000;
/// Bytes of one string.
pub const STRING_BYTES_MAX: usize = 128 * 1024;
/// Bytes of an identifier: agent, tool, run, session, user.
pub const ID_BYTES_MAX: usize = 256;
/// Bytes of an action type's name.
pub const ACTION_TYPE_BYTES_MAX: usize = 64;
/// Bytes of a resource name.
pub const RESOURCE_BYTES_MAX: usize = 4_096;
/// Rules of one program.
pub const RULES_MAX: usize = 10_000;
/// Rounds of decoding that the normaliser follows.
pub const DECODE_DEPTH_MAX: usize = 3;
/// Growth that decoding may cause, as a multiple of the input.
pub const DECODE_GROWTH_MAX: usize = 4;
/// Bytes of text that the content detectors read of one action.
pub const SCAN_BYTES_MAX: usize = 512 * 1024;
/// Findings kept of one action; more are counted, not kept.
pub const FINDINGS_MAX: usize = 64;
/// Texts that the content detectors read of one action: each value, and the name that it stands under.
pub const SEGMENTS_MAX: usize = 2 * JSON_VALUES_MAX;
/// Bytes of the JSON path of one text. Paths are written out once per text: without a limit, one long
/// key around many texts would multiply.
pub const PATH_BYTES_MAX: usize = 1_024;
/// What a path ends with that is longer.
pub const PATH_CUT: char = '\u{2026}';
/// What the path of a name ends with: the field itself is meant, not what stands under it, and nothing
/// can be put in its place.
pub const PATH_KEY: char = '~';
