//! Devices that belong to one person: telephones, SIM cards, network interfaces.

use crate::text::Flags;

use super::check::luhn;
use super::context;
use super::draw::Draw;
use super::kind::{Finder, Make, Match, kind};
use super::mask::{both_ends, last_four};
use super::number::Number;
use super::scan::{Input, Words};

kind! {
    /// The identity of a mobile device (IMEI): 15 digits with a Luhn check, behind a word for it.
    IMEI = "imei", Personal, 50;
    code "imei", "the identity of a mobile device";
    example "IMEI 49-015420-323751-8";
    checksum "Luhn (mod 10)";
    source "https://www.3gpp.org/dynareport/23003.htm";
    words &["imei", "device id", "handset"];
    find Finder::Number(15, 15, judge_imei);
    mask last_four;
    make Make::Redraw(2);
}

kind! {
    /// The identity of a SIM card (ICCID): it begins with 89, the industry identifier of telecoms, and has
    /// a Luhn check (ITU-T E.118).
    ICCID = "iccid", Personal, 50;
    code "iccid", "the identity of a SIM card";
    example "SIM 8944 1100 6804 4203 458";
    checksum "Luhn (mod 10)";
    source "https://www.itu.int/rec/T-REC-E.118";
    words &["iccid", "sim", "sim card"];
    find Finder::Number(19, 20, judge_iccid);
    mask last_four;
    make Make::Redraw(4);
}

kind! {
    /// The address of a network interface that its maker gave out: 48 bits, neither multicast nor drawn
    /// at random (IEEE 802).
    MAC = "mac_address", Personal, 40;
    code "mac-address", "the address of a network interface";
    example "MAC address 00:1B:44:11:3A:B7";
    checksum "";
    source "https://standards.ieee.org/products-programs/regauth/tut/";
    words &["mac", "mac address", "ethernet", "bssid", "hwaddr", "wifi", "ether"];
    find Finder::Text(Flags::DIGIT, Words::NONE, find_mac);
    mask both_ends;
    make Make::Own(make_mac);
}

fn judge_imei(number: &Number<'_>) -> u8 {
    let fits =
        number.plain() || number.grouped(&[2, 6, 6, 1], 7) || number.grouped(&[6, 2, 6, 1], 7);
    if fits && luhn(number.digits()) && number.digits().first() != Some(&0) {
        number.sure(90, 0)
    } else {
        0
    }
}

fn judge_iccid(number: &Number<'_>) -> u8 {
    if matches!(number.digits(), [8, 9, ..]) && luhn(number.digits()) {
        number.sure(90, 55)
    } else {
        0
    }
}

const MAC_BYTES: usize = 17;

fn find_mac(input: &Input<'_>, out: &mut Vec<Match>) {
    let bytes = input.text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = 0;
    while i + MAC_BYTES <= bytes.len() {
        let separator = at(i + 2);
        if !matches!(separator, b':' | b'-') || at(i + 5) != separator {
            i += 1;
            continue;
        }
        let fits = (0..MAC_BYTES).all(|n| {
            if n % 3 == 2 {
                at(i + n) == separator
            } else {
                at(i + n).is_ascii_hexdigit()
            }
        });
        let joins = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_');
        let alone = !i.checked_sub(1).is_some_and(|b| joins(at(b))) && !joins(at(i + MAC_BYTES));
        // The two lowest bits of the first byte: multicast, and not given out by a maker.
        let second = char::from(at(i + 1)).to_digit(16).unwrap_or(1);
        let empty = bytes
            .get(i..i + MAC_BYTES)
            .is_some_and(|t| t.iter().all(|b| matches!(b, b'0' | b':' | b'-')));
        if fits && alone && second & 3 == 0 && !empty {
            let named = context::named(input, i, i + MAC_BYTES, &MAC);
            out.push(Match {
                kind: &MAC,
                start: i,
                end: i + MAC_BYTES,
                confidence: if named { 60 } else { 45 },
            });
            i += MAC_BYTES;
        } else {
            i += 1;
        }
    }
}

/// Three bytes of nobody's making within the maker's range.
fn make_mac(original: &str, draw: &mut Draw) -> String {
    original
        .char_indices()
        .map(|(i, c)| if i > 8 { hex_like(c, draw) } else { c })
        .collect()
}

fn hex_like(c: char, draw: &mut Draw) -> char {
    match c {
        '0'..='9' | 'a'..='f' => draw.pick(b"0123456789abcdef"),
        'A'..='F' => draw.pick(b"0123456789ABCDEF"),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn devices_and_what_looks_like_one() {
        assert!(sure_of("imei", "IMEI 490154203237518") >= 50);
        assert_eq!(sure_of("imei", "IMEI 490154203237519"), 0);
        assert_eq!(sure_of("imei", "490154203237518"), 0);
        assert!(sure_of("iccid", "SIM 8944110068044203458") >= 50);
        assert!(sure_of("mac_address", "mac 00:1B:44:11:3A:B7") >= 50);
        for text in [
            "mac ff:ff:ff:ff:ff:ff",
            "mac 00:00:00:00:00:00",
            "mac 02:1B:44:11:3A:B7",
            "fingerprint 00:1B:44:11:3A:B7:99",
        ] {
            assert_eq!(sure_of("mac_address", text), 0, "{text}");
        }
    }
}
