//! The leaf of an entry and the link that ties it to the one before.

use super::Hash;
use sha2::{Digest, Sha256};

/// `SHA-256(0x00 ‖ body)`: the leaf hash of RFC 6962, section 2.1.
#[must_use]
pub fn leaf(body: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0x00])
        .chain_update(body)
        .finalize()
        .into()
}

/// `SHA-256(0x02 ‖ previous ‖ leaf)`: 0x02, because RFC 6962 takes 0x00 and 0x01.
#[must_use]
pub fn link(previous: &Hash, leaf: &Hash) -> Hash {
    Sha256::new()
        .chain_update([0x02])
        .chain_update(previous)
        .chain_update(leaf)
        .finalize()
        .into()
}

/// `SHA-256("alog1\n" ‖ genesis)`: what the first entry of a log links to.
#[must_use]
pub fn origin_link(genesis: &[u8]) -> Hash {
    Sha256::new()
        .chain_update(b"alog1\n")
        .chain_update(genesis)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::hex;

    #[test]
    fn fixed_vectors() {
        // The leaf of the empty string is published in RFC 6962's reference implementations.
        assert_eq!(
            hex(&leaf(b"")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        let zero = [0; 32];
        assert_ne!(link(&zero, &leaf(b"a")), link(&zero, &leaf(b"b")));
        assert_ne!(link(&zero, &leaf(b"a")), link(&leaf(b"a"), &zero));
        assert_ne!(origin_link(b""), leaf(b""));
    }
}
