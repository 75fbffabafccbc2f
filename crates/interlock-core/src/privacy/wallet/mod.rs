//! Addresses of crypto wallets, by their checksums.

mod base58;
mod bech32;
mod keccak;

use super::context;
use super::draw::Draw;
use super::kind::{Finder, Make, Match, kind};
use super::mask::both_ends;
use super::run::Run;
use super::scan::Input;

kind! {
    /// An address of Bitcoin, Litecoin, Dogecoin, Dash, Tron, Ripple, Cardano or another chain with
    /// Base58Check or Bech32 addresses: its checksum decides.
    KIND = "crypto_wallet", Financial, 70;
    code "crypto-wallet", "an address of a crypto wallet";
    example "1BoatSLRHtKNngkdXEeobR76b53LETtpyT";
    checksum "double SHA-256 (Base58Check) or BCH code (Bech32)";
    source "https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki";
    words &[];
    find Finder::Run(find);
    mask both_ends;
    make Make::Own(make);
}

kind! {
    /// An address of Ethereum and chains like it: twenty bytes in hexadecimal, with the checksum in the
    /// case of letters where both cases stand (EIP-55).
    ETHEREUM = "ethereum_wallet", Financial, 70;
    code "ethereum-wallet", "an address of an Ethereum wallet";
    example "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    checksum "Keccak-256 in the case of letters";
    source "https://eips.ethereum.org/EIPS/eip-55";
    words &["ethereum", "eth", "wallet", "usdt", "usdc", "erc20", "metamask", "address", "0x"];
    find Finder::Run(find_ethereum);
    mask both_ends;
    make Make::Own(make_ethereum);
}

/// Prefixes of Bech32 addresses: Bitcoin, its test network, Litecoin, Cardano, Cosmos.
const HUMAN: [&str; 5] = ["bc", "tb", "ltc", "addr", "cosmos"];

fn find(_: &Input<'_>, run: &Run<'_>, out: &mut Vec<Match>) {
    let value = run.text;
    let first = value.as_bytes().first().copied().unwrap_or(0);
    let base58 = (25..=35).contains(&value.len())
        && b"13LMDA9X7Tr".contains(&first)
        && base58::checked(value) == Some(21);
    let human = |h: &&'static str| {
        value.as_bytes().get(h.len()) == Some(&b'1')
            && value
                .get(..h.len())
                .is_some_and(|p| p.eq_ignore_ascii_case(h))
    };
    let bech32 = (14..=110).contains(&value.len())
        && b"btlacBTLAC".contains(&first)
        && HUMAN.iter().any(human)
        && bech32::checked(value);
    if base58 || bech32 {
        out.push(Match {
            kind: &KIND,
            start: run.start,
            end: run.end(),
            confidence: 93,
        });
    }
}

fn find_ethereum(input: &Input<'_>, run: &Run<'_>, out: &mut Vec<Match>) {
    let Some(hex) = run.text.strip_prefix("0x").filter(|h| h.len() == 40) else {
        return;
    };
    if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return;
    }
    let upper = hex.bytes().any(|b| b.is_ascii_uppercase());
    let lower = hex.bytes().any(|b| b.is_ascii_lowercase());
    let confidence = match (upper && lower, spelled(hex)) {
        (true, true) => 94,
        (true, false) => return,
        // Without a checksum: any twenty bytes are written so.
        (false, _) if context::named(input, run.start, run.end(), &ETHEREUM) => 70,
        (false, _) => 45,
    };
    out.push(Match {
        kind: &ETHEREUM,
        start: run.start,
        end: run.end(),
        confidence,
    });
}

/// Whether the case of each letter is as the hash of the address in lower case says.
fn spelled(hex: &str) -> bool {
    let hash = keccak::keccak_256(hex.to_ascii_lowercase().as_bytes());
    hex.bytes().enumerate().all(|(i, b)| {
        let byte = hash.get(i / 2).copied().unwrap_or(0);
        let nibble = if i % 2 == 0 { byte >> 4 } else { byte & 15 };
        !b.is_ascii_alphabetic() || b.is_ascii_uppercase() == (nibble >= 8)
    })
}

/// An address of the same chain that nobody has a key to.
fn make(original: &str, draw: &mut Draw) -> String {
    if let Some(split) = original.rfind('1').filter(|_| bech32::checked(original)) {
        return bech32::redraw(original, split, draw);
    }
    base58::redraw(original, draw)
}

fn make_ethereum(original: &str, draw: &mut Draw) -> String {
    let hex: String = (0..40).map(|_| draw.pick(b"0123456789abcdef")).collect();
    let body = original.get(2..).unwrap_or_default();
    if !body.bytes().any(|b| b.is_ascii_uppercase()) {
        return format!("0x{hex}");
    }
    let hash = keccak::keccak_256(hex.as_bytes());
    let spelt: String = hex
        .char_indices()
        .map(|(i, c)| {
            let byte = hash.get(i / 2).copied().unwrap_or(0);
            let nibble = if i % 2 == 0 { byte >> 4 } else { byte & 15 };
            if nibble >= 8 {
                c.to_ascii_uppercase()
            } else {
                c
            }
        })
        .collect();
    format!("0x{spelt}")
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn wallets_and_what_looks_like_one() {
        for text in [
            "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
            "send to 3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy now",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ",
            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
            "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
            "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
            "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1",
        ] {
            assert!(sure_of("crypto_wallet", text) >= 50, "{text}");
        }
        for text in [
            "1BoatSLRHtKNngkdXEeobR76b53LETtpyU",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
            "1111111111111111111111111111111111",
            "DETERMINEDLYUNCHARACTERISTICALLY",
        ] {
            assert_eq!(sure_of("crypto_wallet", text), 0, "{text}");
        }
        assert!(
            sure_of(
                "ethereum_wallet",
                "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
            ) >= 50
        );
        assert_eq!(
            sure_of(
                "ethereum_wallet",
                "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"
            ),
            0
        );
        assert!(
            sure_of(
                "ethereum_wallet",
                "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
            ) < 50
        );
    }
}
