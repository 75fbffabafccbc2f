//! Vehicles: identification numbers and number plates.

use super::code::Code;
use super::kind::{Finder, Make, kind};
use super::mask::{both_ends, last_four};

kind! {
    /// A vehicle identification number: 17 characters without I, O and Q, with the check digit of North
    /// America (49 CFR 565.15), which the rest of the world does not use: there a word must announce it.
    VIN = "vehicle_identification_number", Personal, 50;
    code "vin", "a vehicle identification number";
    example "1M8GDM9AXKP042788";
    checksum "weighted sum mod 11 (North America)";
    source "https://www.ecfr.gov/current/title-49/section-565.15";
    words &["vin", "vehicle identification", "chassis", "fahrgestellnummer", "fin", "bastidor", "telaio"];
    find Finder::Code(17, 17, judge_vin);
    mask last_four;
    make Make::Redraw(3);
}

kind! {
    /// A vehicle's registration as number plates print it, behind a word for it.
    PLATE = "number_plate", Personal, 50;
    code "number-plate", "a vehicle's registration";
    example "license plate 7ABC123";
    checksum "";
    source "https://www.gov.uk/number-plates";
    words &[
        "license plate", "licence plate", "number plate", "registration number", "plate number", "plate",
        "kennzeichen", "nummernschild", "matrícula", "matricula", "plaque", "targa", "kenteken",
        "vehicle registration", "car registration", "车牌",
    ];
    find Finder::Code(6, 10, judge_plate);
    mask both_ends;
    make Make::Redraw(0);
}

fn judge_vin(code: &Code<'_>) -> u8 {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let compact = code.compact();
    let digits = compact.iter().filter(|b| b.is_ascii_digit()).count();
    // The last four are digits everywhere.
    let serial = compact.iter().skip(13).all(u8::is_ascii_digit);
    if compact.iter().any(|b| matches!(b, b'I' | b'O' | b'Q'))
        || digits < 4
        || !code.plain()
        || !serial
    {
        return 0;
    }
    // A and J are 1, B, K and S are 2, and so on; I, O and Q are left out.
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'H' => u32::from(b - b'A') + 1,
        b'J'..=b'R' => u32::from(b - b'J') + 1,
        b'S'..=b'Z' => u32::from(b - b'S') + 2,
        _ => 0,
    };
    let sum: u32 = compact
        .iter()
        .zip(WEIGHTS)
        .map(|(b, w)| value(*b) * w)
        .sum();
    let expected = match sum % 11 {
        10 => b'X',
        r => b'0' + r as u8,
    };
    if compact.get(8) == Some(&expected) {
        code.sure(92, 70)
    } else if matches!(compact.first(), Some(b'1'..=b'5')) {
        // North American: the check digit is law there.
        0
    } else {
        code.sure(65, 0)
    }
}

fn judge_plate(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let letters = compact.iter().filter(|b| b.is_ascii_uppercase()).count();
    if code.upper() && letters >= 1 && compact.len() - letters >= 1 && compact.len() <= 9 {
        code.sure(62, 0)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn vehicles_and_what_looks_like_one() {
        let vin = |text: &str| sure_of("vehicle_identification_number", text);
        assert!(vin("1M8GDM9AXKP042788") >= 50 && vin("VIN 11111111111111111A") == 0);
        assert!(vin("VIN: WVWZZZ1JZXW000001") >= 50);
        assert_eq!(vin("1M8GDM9A1KP042788"), 0);
        assert_eq!(vin("WVWZZZ1JZXW000001"), 0);
        assert_eq!(vin("1Z27NXK8A6N3XB9ES"), 0);
        assert!(sure_of("number_plate", "license plate 7ABC123") >= 50);
        assert_eq!(sure_of("number_plate", "model 7ABC123"), 0);
    }
}
