//! A bundle as it travels: its texts, and a signed manifest that says which bundle they are.
//!
//! The manifest is the text of a C2SP signed note (c2sp.org/signed-note):
//!
//! ```text
//! interlock bundle v1
//! <tenant>
//! <number>
//! <SHA-256 over the texts as sent, hex>
//! <digest of the compiled program, hex>
//! <when it was put in force, RFC 3339>
//! ```
//!
//! A number stands for one set of texts and only grows, so that a client that keeps the manifest of
//! the bundle that it has is given neither an older one nor another one of the same number.

use interlock_core::audit::checkpoint::decimal;
use interlock_core::audit::note::{Note, NoteError, Signer, Verifier};
use interlock_core::audit::{hex, unhex};
use interlock_core::model::Layer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::bundle::{Source, layer_from_name};
use crate::compile::{Compiled, SOURCES_MAX, compile};

/// Bytes of a bundle as it travels.
pub const SIGNED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The first line of a manifest.
const TITLE: &str = "interlock bundle v1";

/// Which bundle some texts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Whose bundle it is.
    pub tenant: String,
    /// Its number, which only grows.
    pub number: u64,
    /// [`sources_digest`] of the texts.
    pub sources: [u8; 32],
    /// The digest of the compiled program, built-in bundles that the texts extend included.
    pub program: [u8; 32],
    /// When it was put in force, RFC 3339.
    pub created: String,
}

/// Why a bundle is not taken.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BundleError {
    /// It is not a bundle in the form of `GET /api/bundle`.
    #[error("not a signed bundle: {0}")]
    Malformed(String),
    /// It is too large.
    #[error("the bundle has {bytes} bytes, the limit is {SIGNED_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// Nobody whom the client trusts has signed it, or it was changed afterwards.
    #[error("the manifest of the bundle: {0}")]
    Signature(#[from] NoteError),
    /// It is another tenant's.
    #[error("the bundle is of tenant `{found}`, not of `{expected}`")]
    Tenant {
        /// The tenant of the manifest.
        found: String,
        /// The tenant of the client.
        expected: String,
    },
    /// The texts are not those of the manifest.
    #[error("the texts of the bundle are not those that were signed")]
    Texts,
    /// It is older than the one that the client has.
    #[error("bundle {found} is older than {held}, which is in force here")]
    Older {
        /// Its number.
        found: u64,
        /// The number that the client has.
        held: u64,
    },
    /// It has the number of the one that the client has, and other texts.
    #[error("there are two different bundles of number {0}")]
    Equivocation(u64),
    /// It does not compile here.
    #[error("the bundle does not compile:\n{0}")]
    Compile(String),
}

/// A bundle that may be put in force.
#[derive(Debug, Clone)]
pub struct VerifiedBundle {
    /// What to keep, for the next call.
    pub manifest: Manifest,
    /// The compiled form.
    pub compiled: Compiled,
    /// The texts.
    pub sources: Vec<Source>,
    /// Whether it compiled to what the server has. False when client and server are of different
    /// versions and a built-in bundle differs between them.
    pub same_program: bool,
}

/// The name of a layer in a bundle that travels.
#[must_use]
pub fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::Organisation => "organisation",
        Layer::Team => "team",
        Layer::Agent => "agent",
    }
}

/// The digest over the texts of a bundle: names, layers and texts in their order, each with its
/// length before it.
#[must_use]
pub fn sources_digest(sources: &[Source]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(b"interlock-bundle-sources-v1");
    for source in sources {
        part(source.layer.map_or("", layer_name).as_bytes());
        part(source.name.as_bytes());
        part(source.text.as_bytes());
    }
    hash.finalize().into()
}

impl Manifest {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{TITLE}\n{}\n{}\n{}\n{}\n{}\n",
            self.tenant,
            self.number,
            hex(&self.sources),
            hex(&self.program),
            self.created
        )
    }

    /// The signed note.
    #[must_use]
    pub fn signed(&self, signer: &Signer) -> String {
        signer.note(&self.text())
    }

    /// Reads the text of a manifest; one form only is accepted.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != TITLE {
            return None;
        }
        let mut line = || lines.next().filter(|line| !line.is_empty());
        let tenant = line()?.to_owned();
        let number = decimal(line()?)?;
        let mut digest = || unhex(line()?)?.try_into().ok();
        let (sources, program) = (digest()?, digest()?);
        let created = line()?.to_owned();
        lines.next().is_none().then_some(Self {
            tenant,
            number,
            sources,
            program,
            created,
        })
    }
}

#[derive(Deserialize)]
struct Travelling {
    manifest: String,
    sources: Vec<SignedSource>,
}

/// One text of a bundle that travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedSource {
    /// Its name.
    pub name: String,
    /// Its layer: `organisation`, `team` or `agent`; absent when the file says so itself.
    #[serde(default)]
    pub layer: Option<String>,
    /// The text.
    pub text: String,
}

impl SignedSource {
    fn source(self) -> Result<Source, BundleError> {
        let layer = self
            .layer
            .map(|name| {
                layer_from_name(&name)
                    .ok_or_else(|| BundleError::Malformed(format!("there is no layer `{name}`")))
            })
            .transpose()?;
        Ok(Source {
            layer,
            ..Source::new(self.name, self.text)
        })
    }
}

/// Checks what `GET /api/bundle` answered: that `key` signed it, that it is `tenant`'s, that the
/// texts are those that were signed, and that it is not older than the one whose manifest the
/// client holds; then compiles it. The caller keeps what it has unless this succeeds.
///
/// # Errors
/// What is wrong with it; nothing of it may be put in force then.
pub fn verify_bundle(
    bytes: &[u8],
    key: &Verifier,
    tenant: &str,
    held: Option<&Manifest>,
) -> Result<VerifiedBundle, BundleError> {
    if bytes.len() > SIGNED_BYTES_MAX {
        return Err(BundleError::TooLarge { bytes: bytes.len() });
    }
    let travelling: Travelling =
        serde_json::from_slice(bytes).map_err(|e| BundleError::Malformed(e.to_string()))?;
    let note = Note::parse(&travelling.manifest)?;
    note.verify(&[key])?;
    let manifest = Manifest::parse(note.text)
        .ok_or_else(|| BundleError::Malformed("the note is not a manifest".to_owned()))?;
    if manifest.tenant != tenant {
        return Err(BundleError::Tenant {
            found: manifest.tenant,
            expected: tenant.to_owned(),
        });
    }
    if travelling.sources.len() > SOURCES_MAX {
        return Err(BundleError::Malformed(format!(
            "it has {} texts, the limit is {SOURCES_MAX}",
            travelling.sources.len()
        )));
    }
    let sources = travelling
        .sources
        .into_iter()
        .map(SignedSource::source)
        .collect::<Result<Vec<Source>, BundleError>>()?;
    if sources_digest(&sources) != manifest.sources {
        return Err(BundleError::Texts);
    }
    match held {
        Some(held) if manifest.number < held.number => {
            return Err(BundleError::Older {
                found: manifest.number,
                held: held.number,
            });
        }
        Some(held) if manifest.number == held.number && manifest.sources != held.sources => {
            return Err(BundleError::Equivocation(held.number));
        }
        _ => {}
    }
    let compiled = compile(&sources, manifest.number).map_err(|found| {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        BundleError::Compile(found.join("\n"))
    })?;
    Ok(VerifiedBundle {
        same_program: compiled.program.digest() == manifest.program,
        manifest,
        compiled,
        sources,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn signer(seed: u8) -> Signer {
        Signer::from_seed("interlock/bundle", &[seed; 32]).unwrap()
    }

    fn texts(default: &str) -> Vec<Source> {
        vec![
            Source::new("a.yaml", format!("interlock: 1\ndefault: {default}\n")),
            Source::new(
                "b.yaml",
                "interlock: 1\nrules:\n  - { id: r, match: { action: [payment] }, effect: block }\n",
            )
            .in_layer(Layer::Organisation),
        ]
    }

    fn manifest(number: u64, sources: &[Source]) -> Manifest {
        Manifest {
            tenant: "default".to_owned(),
            number,
            sources: sources_digest(sources),
            program: compile(sources, number).unwrap().program.digest(),
            created: "2026-11-21T03:00:00Z".to_owned(),
        }
    }

    fn travel(note: &str, sources: &[Source]) -> Vec<u8> {
        let sources: Vec<_> = sources
            .iter()
            .map(|s| json!({"name": s.name, "text": s.text, "layer": s.layer.map(layer_name)}))
            .collect();
        json!({"manifest": note, "sources": sources, "revision": 7})
            .to_string()
            .into_bytes()
    }

    fn bundle(number: u64, default: &str) -> Vec<u8> {
        let sources = texts(default);
        travel(&manifest(number, &sources).signed(&signer(1)), &sources)
    }

    fn check(bytes: &[u8], held: Option<&Manifest>) -> Result<VerifiedBundle, BundleError> {
        verify_bundle(bytes, signer(1).verifier(), "default", held)
    }

    #[test]
    fn a_signed_bundle_is_taken_and_compiles_to_the_same() {
        let taken = check(&bundle(3, "allow"), None).unwrap();
        assert_eq!(taken.manifest.number, 3);
        assert!(taken.same_program);
        assert_eq!(taken.compiled.program.rules().len(), 1);
        assert_eq!(taken.sources, texts("allow"));
        // Again, and a newer one.
        let held = taken.manifest;
        assert!(check(&bundle(3, "allow"), Some(&held)).is_ok());
        assert_eq!(
            check(&bundle(4, "block"), Some(&held))
                .unwrap()
                .manifest
                .number,
            4
        );
    }

    #[test]
    fn what_must_not_be_taken_is_not() {
        let held = manifest(3, &texts("allow"));
        let sources = texts("allow");
        let note = held.signed(&signer(1));
        let error = |bytes: &[u8]| check(bytes, Some(&held)).map(|_| ()).unwrap_err();
        assert_eq!(
            error(&bundle(2, "allow")),
            BundleError::Older { found: 2, held: 3 }
        );
        assert_eq!(error(&bundle(3, "block")), BundleError::Equivocation(3));
        // Another key.
        let foreign = manifest(4, &sources).signed(&signer(2));
        assert_eq!(
            error(&travel(&foreign, &sources)),
            BundleError::Signature(NoteError::UnknownKey)
        );
        // A key of the same name and id line over another text.
        let altered = note.replacen("\n3\n", "\n9\n", 1);
        assert_eq!(
            error(&travel(&altered, &sources)),
            BundleError::Signature(NoteError::Signature)
        );
        // Texts altered, left out, exchanged, moved to another layer.
        let mut altered = sources.clone();
        altered[0].text = altered[0].text.replace("allow", "block");
        assert_eq!(error(&travel(&note, &altered)), BundleError::Texts);
        assert_eq!(error(&travel(&note, &sources[..1])), BundleError::Texts);
        let swapped: Vec<Source> = sources.iter().rev().cloned().collect();
        assert_eq!(error(&travel(&note, &swapped)), BundleError::Texts);
        let mut moved = sources.clone();
        moved[1].layer = Some(Layer::Agent);
        assert_eq!(error(&travel(&note, &moved)), BundleError::Texts);
        // Another tenant's.
        let other = Manifest {
            tenant: "other".to_owned(),
            number: 9,
            ..held.clone()
        };
        assert!(matches!(
            error(&travel(&other.signed(&signer(1)), &sources)),
            BundleError::Tenant { .. }
        ));
        // A checkpoint of a log is no manifest, whatever key signed it.
        let checkpoint =
            signer(1).note("interlock/log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
        assert!(matches!(
            error(&travel(&checkpoint, &sources)),
            BundleError::Malformed(_)
        ));
        assert!(matches!(error(b"{}"), BundleError::Malformed(_)));
        let large = vec![b' '; SIGNED_BYTES_MAX + 1];
        assert!(matches!(error(&large), BundleError::TooLarge { .. }));
        // Signed and broken: it is said why, and the old one stays.
        let broken = vec![Source::new("a.yaml", "interlock: 1\n")];
        let note = Manifest {
            number: 9,
            sources: sources_digest(&broken),
            ..held.clone()
        };
        let error = error(&travel(&note.signed(&signer(1)), &broken));
        assert!(
            error.to_string().contains("policy.missing-field"),
            "{error}"
        );
    }

    #[test]
    fn every_flip_of_a_bundle_is_refused() {
        let bytes = bundle(3, "allow");
        let taken = check(&bytes, None).unwrap();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            if let Ok(found) = check(&altered, None) {
                // Bits of what is neither signed nor read.
                assert_eq!(found.manifest, taken.manifest, "byte {at}");
                assert_eq!(found.sources, taken.sources, "byte {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_manifest_reads_as_it_was_written(
            tenant in "[a-z0-9 ._-]{1,20}", number: u64, sources: [u8; 32], program: [u8; 32], created in "[0-9TZ:.-]{1,30}"
        ) {
            let manifest = Manifest { tenant, number, sources, program, created };
            prop_assert_eq!(Manifest::parse(&manifest.text()), Some(manifest));
        }

        #[test]
        fn any_text_is_survived(text: String, bytes: Vec<u8>) {
            let _ = Manifest::parse(&text);
            let _ = Manifest::parse(&format!("{TITLE}\n{text}"));
            let _ = check(&bytes, None);
        }

        #[test]
        fn texts_that_run_together_differ(a in "[ab]{0,4}", b in "[ab]{0,4}", c in "[ab]{0,4}", d in "[ab]{0,4}") {
            let one = [Source::new(a.clone(), b.clone())];
            let two = [Source::new(c.clone(), d.clone())];
            prop_assert_eq!(sources_digest(&one) == sources_digest(&two), (a, b) == (c, d));
        }
    }
}
