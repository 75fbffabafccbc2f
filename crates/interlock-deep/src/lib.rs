//! A deeper model from a file: a text classifier of the BERT kind (Devlin et al., 2019), loaded from
//! a directory in the layout of Hugging Face, and read on plain threads.
//!
//! The directory holds `config.json`, `vocab.txt` or `tokenizer.json`, `model.safetensors`, and
//! `interlock.json`, which says what the classes mean here:
//!
//! ```json
//! { "label": 1, "threshold": 0.9, "tokens_max": 256, "stride": 128 }
//! ```
//!
//! `label` is the class that is an attack, `threshold` the probability from which on a text counts
//! as one. A text longer than `tokens_max` tokens is read in windows that begin `stride` tokens apart;
//! the highest probability counts. Only `threshold` has no default.
//!
//! This is arithmetic in `f32`: the same text can get another last digit on another machine. Nothing
//! here decides; what is made of a score is recorded as an entry of its own.

mod bert;
mod settings;
mod tensors;
mod word_piece;

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use bert::Bert;
use settings::Settings;
use word_piece::WordPiece;

/// Bytes of one text that are read.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Windows of one text that are read.
pub const WINDOWS_MAX: usize = 16;

/// Why a directory holds no model that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is larger than is read.
    #[error("`{path}` has more than {bytes_max} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit.
        bytes_max: u64,
    },
    /// A file does not hold what it should.
    #[error("`{path}`: {what}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// A tensor is missing or has another shape.
    #[error("`{path}`: tensor `{name}` {what}")]
    Tensor {
        /// The file.
        path: String,
        /// The tensor.
        name: String,
        /// What is wrong with it.
        what: String,
    },
}

impl LoadError {
    pub(crate) fn content(path: &Path, what: impl Into<String>) -> Self {
        Self::Content {
            path: path.display().to_string(),
            what: what.into(),
        }
    }
}

/// What a model makes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    /// The highest probability of the attack's class over all windows, per mille.
    pub milli: u16,
    /// Windows that were read.
    pub windows: usize,
    /// The text is longer than [`TEXT_BYTES_MAX`] or [`WINDOWS_MAX`] windows: its end was not read.
    pub cut: bool,
}

/// A classifier, ready to read. It holds its weights in memory and shares nothing that changes, so
/// that several threads may read with it.
#[derive(Debug)]
pub struct Model {
    settings: Settings,
    words: WordPiece,
    bert: Bert,
    digest: String,
}

impl Model {
    /// Loads the model of a directory.
    ///
    /// # Errors
    /// When a file is missing, too large or not what it should be; the error names the file.
    pub fn load(directory: &Path) -> Result<Self, LoadError> {
        let file = |name: &str| directory.join(name);
        let config = settings::Config::read(&file("config.json"))?;
        let words = WordPiece::read(directory, config.vocabulary)?;
        let settings = Settings::read(&file("interlock.json"), &config)?;
        let weights = file("model.safetensors");
        let bert = Bert::read(&weights, config, &settings)?;
        let digest = digest(&[file("config.json"), file("interlock.json"), weights])?;
        Ok(Self {
            settings,
            words,
            bert,
            digest,
        })
    }

    /// The SHA-256 of configuration, settings and weights, in hexadecimal: by it a record names the model.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The probability from which on a text counts as an attack, per mille.
    #[must_use]
    pub const fn threshold_milli(&self) -> u16 {
        self.settings.threshold_milli
    }

    /// Reads a text.
    #[must_use]
    pub fn score(&self, text: &str) -> Score {
        let mut end = text.len().min(TEXT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let ids = self.words.ids(&text[..end]);
        let mut score = Score {
            cut: end < text.len(),
            ..Score::default()
        };
        // Room for the marks at both ends.
        let width = self.settings.tokens_max - 2;
        let mut start = 0;
        loop {
            if score.windows == WINDOWS_MAX {
                score.cut = true;
                return score;
            }
            let window = &ids[start..ids.len().min(start + width)];
            let probability = self
                .bert
                .probability(&self.words.framed(window), self.settings.label);
            score.milli = score.milli.max(milli(probability));
            score.windows += 1;
            if start + width >= ids.len() {
                return score;
            }
            start += self.settings.stride.min(width);
        }
    }

    /// The logits of a text's first window, for holding the arithmetic against another implementation.
    #[must_use]
    pub fn logits(&self, text: &str) -> Vec<f32> {
        let ids = self.words.ids(text);
        let width = (self.settings.tokens_max - 2).min(ids.len());
        self.bert.logits(&self.words.framed(&ids[..width]))
    }
}

/// A probability per mille. What is no number counts as certain: a model that breaks on a text hides
/// nothing.
fn milli(probability: f32) -> u16 {
    if probability.is_nan() {
        return 1_000;
    }
    (probability.clamp(0.0, 1.0) * 1_000.0).round() as u16
}

fn digest(files: &[PathBuf]) -> Result<String, LoadError> {
    let mut hash = Sha256::new();
    for path in files {
        let failed = |source| LoadError::File {
            path: path.display().to_string(),
            source,
        };
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let mut piece = vec![0; 1 << 16];
        loop {
            let read = std::io::Read::read(&mut file, &mut piece).map_err(failed)?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
        }
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_that_is_no_number_counts_as_certain() {
        assert_eq!(milli(f32::NAN), 1_000);
        assert_eq!((milli(-1.0), milli(0.5), milli(7.0)), (0, 500, 1_000));
    }
}
