//! A lease: the server's word that a bundle is still the one in force, good for some seconds.
//!
//! A client that decides by itself asks for one every second. It is the text of a C2SP signed note
//! (c2sp.org/signed-note) by the key that signs bundles: a title line, and a line of JSON. The
//! client's nonce is in it, so that an old one cannot be given to it again.

use interlock_core::audit::hex;
use interlock_core::audit::note::{Note, NoteError, Signer, Verifier};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The first line of a lease.
const TITLE: &str = "interlock lease v1";
/// The longest that a lease may be good for, in milliseconds, whatever it says.
pub const LEASE_MS_MAX: u32 = 60_000;

/// Which agents' actions the server decides itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedByServer {
    /// All: there are too many to be listed.
    All,
    /// Those that have a profile, a budget or elevated credentials there.
    Agents(Vec<String>),
}

impl Default for DecidedByServer {
    fn default() -> Self {
        Self::Agents(Vec::new())
    }
}

/// A rollback that the server orders of whoever has kept what the agent changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RollbackWanted {
    /// The order's id; it is claimed before it is carried out.
    pub id: String,
    /// The agent whose steps are undone.
    pub agent: String,
    /// How many, the newest first.
    pub last: u32,
}

/// A tool that may not be used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoppedTool {
    /// The tool or type of action; with a `*` at its end all that begin so.
    pub tool: String,
    /// Only for this agent; empty for all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent: String,
}

/// What a client may rely on, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lease {
    /// Whose lease it is.
    pub tenant: String,
    /// What the client drew for this one.
    pub nonce: String,
    /// The agent that the client's key is bound to.
    pub agent: Option<String>,
    /// The environment that the client's key is bound to.
    pub environment: Option<String>,
    /// The number of the bundle in force.
    pub bundle: u64,
    /// The digest of its texts, hex.
    pub sources: String,
    /// How long it is good for from when it was asked for, in milliseconds.
    pub valid_ms: u32,
    /// Whether everything of the tenant is stopped.
    pub kill: bool,
    /// The agents that may do nothing for now.
    pub paused: Vec<String>,
    /// Tools that may not be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<StoppedTool>,
    /// Whose actions the server decides itself.
    pub server: DecidedByServer,
    /// Rollbacks that wait for a client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollbacks: Vec<RollbackWanted>,
}

/// Why a lease is not taken.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseError {
    /// It is none.
    #[error("not a lease: {0}")]
    Malformed(String),
    /// Nobody whom the client trusts has signed it, or it was changed afterwards.
    #[error("the lease: {0}")]
    Signature(#[from] NoteError),
    /// It answers another request.
    #[error("it was given for another request")]
    Nonce,
}

impl Lease {
    /// The signed note.
    #[must_use]
    pub fn signed(&self, signer: &Signer) -> String {
        // Text and numbers only: this has no way to fail, and an empty line is no lease.
        let json = serde_json::to_string(self).unwrap_or_default();
        signer.note(&format!("{TITLE}\n{json}\n"))
    }

    /// Reads and checks what the server answered to a request with `nonce`.
    ///
    /// # Errors
    /// What is wrong with it; the client goes on without then.
    pub fn verify(note: &str, key: &Verifier, nonce: &str) -> Result<Self, LeaseError> {
        let note = Note::parse(note)?;
        note.verify(&[key])?;
        let malformed = |why: &str| LeaseError::Malformed(why.to_owned());
        let json = note
            .text
            .strip_prefix(TITLE)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or_else(|| malformed("the note is none"))?;
        let lease: Self =
            serde_json::from_str(json).map_err(|e| LeaseError::Malformed(e.to_string()))?;
        if lease.nonce != nonce || nonce.is_empty() {
            return Err(LeaseError::Nonce);
        }
        if lease.valid_ms > LEASE_MS_MAX {
            return Err(malformed("it is good for more than 60 s"));
        }
        Ok(lease)
    }
}

/// The first line of a receipt.
const RECEIPT: &str = "interlock receipt v1";

/// The server's word that it has recorded what a request with this body brought: a client forgets
/// nothing on the word of somebody else who answers in the server's place.
#[must_use]
pub fn receipt(signer: &Signer, body: &[u8]) -> String {
    signer.note(&receipt_text(body))
}

fn receipt_text(body: &[u8]) -> String {
    format!("{RECEIPT}\n{}\n", hex(&Sha256::digest(body)))
}

/// Checks a receipt for a request with this body.
///
/// # Errors
/// What is wrong with it; the client sends the records again then.
pub fn verify_receipt(note: &str, key: &Verifier, body: &[u8]) -> Result<(), LeaseError> {
    let note = Note::parse(note)?;
    note.verify(&[key])?;
    if note.text == receipt_text(body) {
        Ok(())
    } else {
        Err(LeaseError::Nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(seed: u8) -> Signer {
        Signer::from_seed("interlock/bundle", &[seed; 32]).unwrap()
    }

    fn lease() -> Lease {
        Lease {
            tenant: "default".to_owned(),
            nonce: "00ff".to_owned(),
            agent: Some("a\nb".to_owned()),
            bundle: 3,
            sources: "ab".repeat(32),
            valid_ms: 15_000,
            paused: vec!["x".to_owned()],
            tools: vec![StoppedTool {
                tool: "mail*".to_owned(),
                agent: "x".to_owned(),
            }],
            server: DecidedByServer::Agents(vec!["y".to_owned()]),
            ..Lease::default()
        }
    }

    #[test]
    fn a_lease_reads_as_it_was_signed() {
        let signer = signer(1);
        let note = lease().signed(&signer);
        assert_eq!(Lease::verify(&note, signer.verifier(), "00ff"), Ok(lease()));
        let all = Lease {
            server: DecidedByServer::All,
            ..lease()
        };
        let note = all.signed(&signer);
        assert_eq!(Lease::verify(&note, signer.verifier(), "00ff"), Ok(all));
    }

    #[test]
    fn a_receipt_is_for_one_request() {
        let ours = signer(1);
        let note = receipt(&ours, b"records");
        assert_eq!(verify_receipt(&note, ours.verifier(), b"records"), Ok(()));
        assert_eq!(
            verify_receipt(&note, ours.verifier(), b"other"),
            Err(LeaseError::Nonce)
        );
        assert!(verify_receipt(&note, signer(2).verifier(), b"records").is_err());
        // Neither a lease nor the other way round.
        assert!(Lease::verify(&note, ours.verifier(), "00ff").is_err());
        let lease = lease().signed(&ours);
        assert!(verify_receipt(&lease, ours.verifier(), b"records").is_err());
    }

    #[test]
    fn what_must_not_be_taken_is_not() {
        let ours = signer(1);
        let note = lease().signed(&ours);
        let verify = |note: &str, nonce: &str| Lease::verify(note, ours.verifier(), nonce);
        assert_eq!(verify(&note, "00fe"), Err(LeaseError::Nonce));
        let foreign = lease().signed(&signer(2));
        assert_eq!(
            verify(&foreign, "00ff"),
            Err(LeaseError::Signature(NoteError::UnknownKey))
        );
        let altered = note.replace("15000", "25000");
        assert_eq!(
            verify(&altered, "00ff"),
            Err(LeaseError::Signature(NoteError::Signature))
        );
        let long = Lease {
            valid_ms: LEASE_MS_MAX + 1,
            ..lease()
        };
        assert!(matches!(
            verify(&long.signed(&ours), "00ff"),
            Err(LeaseError::Malformed(_))
        ));
        // A manifest is no lease, whoever signed it.
        let manifest = ours.note("interlock bundle v1\nx\n");
        assert!(matches!(
            verify(&manifest, "00ff"),
            Err(LeaseError::Malformed(_))
        ));
        // Whatever is altered, nothing else is taken for what was signed.
        for at in 0..note.len() {
            let mut altered = note.clone().into_bytes();
            altered[at] ^= 1;
            if let Ok(altered) = String::from_utf8(altered) {
                let found = verify(&altered, "00ff");
                assert!(found.is_err() || found == Ok(lease()), "byte {at}");
            }
        }
        let unnamed = Lease {
            nonce: String::new(),
            ..lease()
        };
        assert_eq!(verify(&unnamed.signed(&ours), ""), Err(LeaseError::Nonce));
    }
}
