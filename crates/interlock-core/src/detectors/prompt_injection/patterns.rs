const D: u32 = 1 << 1; const PRIOR: u32 = 1 << 2; const TOLD: u32 = 1 << 3; const LIM: u32 = 1 << 4; const REV: u32 = 1 << 5;
const SHOW: u32 = 1 << 6; const HID: u32 = 1 << 7; const YOU: u32 = 1 << 8; const AI: u32 = 1 << 9; const AUTH: u32 = 1 << 10; const FREE: u32 = 1 << 11;
const PLAY: u32 = 1 << 12; const RUN: u32 = 1 << 13; const SAY: u32 = 1 << 14; const NOT: u32 = 1 << 15; const NOW: u32 = 1 << 16; const MODE: u32 = 1 << 17;
const REF: u32 = 1 << 18; const KEY: u32 = 1 << 19; const HARM: u32 = 1 << 20; const SEND: u32 = 1 << 21; const USER: u32 = 1 << 22; const ENC: u32 = 1 << 23;
const MUST: u32 = 1 << 24; const SAID: u32 = 1 << 25; const TRAIN: u32 = 1 << 26; const CFG: u32 = 1 << 27; const SAFE: u32 = 1 << 28; const YOUR: u32 = 1 << 29; const ASK: u32 = 1 << 30;
pub(super) static PATTERNS: &[(&str, &[u32], u8)] = &[
 ("drop prior told", &[D, PRIOR, TOLD|LIM|SAFE|SAID], 6),
 ("drop you told", &[D, YOU|YOUR, TOLD|LIM|SAFE|TRAIN|CFG], 5),
 ("drop told", &[D, TOLD], 2),
 ("drop safe", &[D, SAFE], 4),
 ("drop lim", &[D, LIM], 1),
 ("show you told", &[SHOW|REV|SAY|ASK, YOU|YOUR, TOLD], 4),
 ("show hid told", &[SHOW|REV|SAY|ASK, HID, TOLD], 4),
 ("show you safe", &[SHOW|REV|SAY|ASK, YOU|YOUR, SAFE], 3),
 ("show you cfg", &[SHOW|REV|SAY, YOU|YOUR, CFG|LIM|TRAIN], 2),
 ("show hid cfg", &[SHOW|REV|SAY, HID, CFG|LIM|SAFE|TRAIN], 3),
 ("reveal told", &[REV, TOLD|SAFE|CFG|LIM], 3),
 ("reveal key", &[REV|SHOW, KEY, HID], 3),
 ("not safe", &[NOT, SAFE], 2),
 ("not lim", &[NOT, LIM], 0),
 ("ai free", &[AI, FREE|SAFE], 1),
 ("ai told", &[AI, TOLD|REV|CFG|LIM], 0),
 ("you told", &[YOU|YOUR, TOLD], 2),
 ("you safe", &[YOU|YOUR, SAFE], 3),
 ("you lim", &[YOU|YOUR, LIM], 1),
 ("you train", &[YOU|YOUR, TRAIN], 0),
 ("play ai", &[PLAY, AI|SAFE], 0),
 ("play free", &[PLAY, FREE|HARM|SAFE], 2),
 ("auth you", &[AUTH, SAFE|REV|FREE|MODE], 2),
 ("auth told", &[AUTH, TOLD|CFG, YOU|YOUR|SHOW|REV], 2),
 ("now told", &[NOW, TOLD|FREE|SAFE], 1),
 ("mode free", &[MODE, FREE|SAFE|NOT], 1),
 ("not refuse", &[NOT, REF], 2),
 ("you refuse", &[YOU|YOUR, REF], 1),
 ("hid told", &[HID, TOLD], 2),
 ("hid cfg", &[HID, CFG], 0),
 ("must told", &[MUST, TOLD|FREE, YOU|YOUR], 2),
 ("enc run", &[ENC, RUN|MUST], 2),
 ("prior told", &[PRIOR, TOLD], 2),
 ("said told", &[SAID, TOLD, YOU|YOUR], 2),
 ("run harm", &[RUN, HARM|D], 2),
 ("send key", &[SEND, KEY, YOU|YOUR|USER], 2),
 ("free you", &[FREE, YOU|YOUR, PLAY|NOT|NOW], 3),
 ("safe free", &[SAFE, FREE], 2),
];
/// Ordered and close: the one before, this one, at most so many tokens apart.
pub(super) static CLOSE: &[(&str, u32, u32, u32, u8)] = &[
 ("your told", YOUR, TOLD, 4, 3),
 ("your safe", YOUR, SAFE, 4, 4),
 ("your cfg", YOUR, CFG, 3, 1),
 ("your lim", YOUR, LIM, 3, 2),
 ("your train", YOUR, TRAIN, 3, 1),
 ("hid told", HID, TOLD, 2, 2),
 ("hid safe", HID, SAFE|LIM, 2, 2),
 ("hid cfg", HID, CFG, 2, 1),
 ("not safe", NOT, SAFE, 3, 3),
 ("drop safe", D, SAFE, 4, 3),
 ("drop lim", D, LIM, 2, 2),
 ("rev told", REV, TOLD|SAFE|CFG, 4, 2),
 ("show told", SHOW, TOLD|SAFE, 2, 1),
 ("free ai", FREE, AI|MODE, 3, 3),
 ("safe drop", SAFE, D, 4, 3),
 ("told drop", TOLD|LIM, D, 3, 1),
];
pub(super) fn close(before: u8, family: u8, distance: u32) -> u64 {
  let mut out=0u64;
  for (i,(_,a,b,d,_)) in CLOSE.iter().enumerate() {
    if a >> before & 1 != 0 && b >> family & 1 != 0 && distance <= *d { out |= 1<<(i+44); }
  }
  out
}
pub(super) fn matched(family: u8, around: u32) -> u64 {
  let bit = 1u32 << family; let mut out=0u64;
  for (i,(_,need,_)) in PATTERNS.iter().enumerate() {
    if need.iter().any(|n| n & bit != 0) && need.iter().all(|n| n & around != 0) { out |= 1<<i; }
  }
  out
}
