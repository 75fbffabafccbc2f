//! Classes of literals that the rules speak of.

pub(super) const IGNORE: u8 = 0;
pub(super) const PRIOR: u8 = 1;
pub(super) const TARGET: u8 = 2;
pub(super) const TARGET_WEAK: u8 = 3;
pub(super) const YOUR: u8 = 4;
pub(super) const EVERYTHING: u8 = 5;
pub(super) const TOLD: u8 = 6;
pub(super) const SHOW: u8 = 7;
pub(super) const SECRET: u8 = 8;
pub(super) const MODE: u8 = 9;
pub(super) const BECOME: u8 = 10;
pub(super) const LAWLESS: u8 = 11;
pub(super) const MARK: u8 = 12;
pub(super) const FRESH: u8 = 13;
pub(super) const READER: u8 = 14;
pub(super) const MUST: u8 = 15;
pub(super) const DEED: u8 = 16;
pub(super) const SILENT: u8 = 17;
pub(super) const USER: u8 = 18;
pub(super) const DECODE: u8 = 19;
pub(super) const OBEY: u8 = 20;
pub(super) const SEND: u8 = 21;
pub(super) const LOOT: u8 = 22;
pub(super) const PLACE: u8 = 23;
pub(super) const NEVERMIND: u8 = 24;
pub(super) const PHRASE_REVEAL: u8 = 25;
pub(super) const FROM_NOW: u8 = 26;
pub(super) const ALSO: u8 = 27;
pub(super) const SAFETY: u8 = 28;
pub(super) const REPEAT_ABOVE: u8 = 29;
pub(super) const WEAK_SHOW: u8 = 30;
pub(super) const ASK: u8 = 31;
pub(super) const OWN: u8 = 32;
pub(super) const MINE: u8 = 33;
pub(super) const MACHINE: u8 = 34;
pub(super) const ORDER_CODE: u8 = 35;
pub(super) const TAKEOVER: u8 = 36;
pub(super) const SAYING: u8 = 37;
pub(super) const TAKEN: u8 = 38;
pub(super) const NEW_SELF: u8 = 39;
pub(super) const OLD_SELF: u8 = 40;
pub(super) const READER_HERE: u8 = 41;

/// The class as a set.
pub(super) const fn bit(class: u8) -> u64 {
    1 << class
}
