//! `config.json`, which is the model's, and `interlock.json`, which is ours.

use std::path::Path;

use serde_json::{Map, Value};

use crate::LoadError;

/// Bytes of a file of settings.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The largest model of this kind: BERT large has 24 layers of 1,024.
const LAYERS_MAX: usize = 48;
const WIDTH_MAX: usize = 8_192;
const LABELS_MAX: usize = 1_024;
const POSITIONS_MAX: usize = 8_192;
/// Entries of a vocabulary.
const VOCABULARY_MAX: usize = 400_000;
/// Tokens of one window, unless the settings say otherwise.
const TOKENS: usize = 256;

/// Reads at most `bytes_max` bytes of a file.
pub(crate) fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::File {
        path: path.display().to_string(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let mut limited = std::io::Read::take(file, bytes_max + 1);
    std::io::Read::read_to_end(&mut limited, &mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(LoadError::TooLarge {
            path: path.display().to_string(),
            bytes_max,
        });
    }
    Ok(bytes)
}

/// Reads a JSON object of at most `bytes_max` bytes.
pub(crate) fn read_object(path: &Path, bytes_max: u64) -> Result<Map<String, Value>, LoadError> {
    match serde_json::from_slice(&read_file(path, bytes_max)?) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(LoadError::content(path, "is no JSON object")),
        Err(error) => Err(LoadError::content(path, format!("is no JSON: {error}"))),
    }
}

/// What a layer puts its inner values through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Gelu,
    GeluTanh,
    Relu,
}

/// The shape of a model.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) vocabulary: usize,
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) inner: usize,
    pub(crate) positions: usize,
    pub(crate) types: usize,
    pub(crate) epsilon: f32,
    pub(crate) activation: Activation,
    /// Classes; two unless the file names others.
    pub(crate) labels: usize,
}

impl Config {
    pub(crate) fn read(path: &Path) -> Result<Self, LoadError> {
        let object = read_object(path, FILE_BYTES_MAX)?;
        let kind = object.get("model_type").and_then(Value::as_str);
        if kind != Some("bert") {
            return Err(LoadError::content(
                path,
                format!(
                    "`model_type` is `{}`; only `bert` can be read",
                    kind.unwrap_or_default()
                ),
            ));
        }
        let size = |name: &str, default: Option<usize>, max: usize| {
            let value = match object.get(name) {
                Some(value) => value.as_u64().and_then(|n| usize::try_from(n).ok()),
                None => default,
            };
            value.filter(|n| (1..=max).contains(n)).ok_or_else(|| {
                LoadError::content(path, format!("`{name}` is no number from 1 to {max}"))
            })
        };
        let name = object.get("hidden_act").and_then(Value::as_str);
        let activation = match name.unwrap_or("gelu") {
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            other => {
                return Err(LoadError::content(
                    path,
                    format!(
                        "`hidden_act` is `{other}`; `gelu`, `gelu_new` and `relu` can be computed"
                    ),
                ));
            }
        };
        let relative = object
            .get("position_embedding_type")
            .and_then(Value::as_str);
        if relative.is_some_and(|kind| kind != "absolute") {
            return Err(LoadError::content(
                path,
                "`position_embedding_type` is not `absolute`",
            ));
        }
        let epsilon = object.get("layer_norm_eps").and_then(Value::as_f64);
        let named = object
            .get("id2label")
            .and_then(Value::as_object)
            .map(Map::len);
        let labels = match named {
            Some(n) if (1..=LABELS_MAX).contains(&n) => n,
            Some(_) => {
                return Err(LoadError::content(
                    path,
                    "`id2label` names no class or too many",
                ));
            }
            None => size("num_labels", Some(2), LABELS_MAX)?,
        };
        let config = Self {
            vocabulary: size("vocab_size", None, VOCABULARY_MAX)?,
            width: size("hidden_size", None, WIDTH_MAX)?,
            layers: size("num_hidden_layers", None, LAYERS_MAX)?,
            heads: size("num_attention_heads", None, WIDTH_MAX)?,
            inner: size("intermediate_size", None, 4 * WIDTH_MAX)?,
            positions: size("max_position_embeddings", None, POSITIONS_MAX)?,
            types: size("type_vocab_size", Some(2), 16)?,
            epsilon: epsilon.unwrap_or(1e-12) as f32,
            activation,
            labels,
        };
        if !config.width.is_multiple_of(config.heads) {
            return Err(LoadError::content(
                path,
                "`hidden_size` is no multiple of `num_attention_heads`",
            ));
        }
        Ok(config)
    }
}

/// What becomes of the last layer before it is classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The first token through a dense layer and a hyperbolic tangent, as BERT classifies.
    Pooler,
    /// The mean over all tokens, brought to length one, as sentence encoders do.
    Mean,
}

/// What the classes mean here, and how a text is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) label: usize,
    pub(crate) threshold_milli: u16,
    pub(crate) tokens_max: usize,
    pub(crate) stride: usize,
    pub(crate) pooling: Pooling,
}

impl Settings {
    pub(crate) fn read(path: &Path, config: &Config) -> Result<Self, LoadError> {
        const KNOWN: [&str; 5] = ["label", "threshold", "tokens_max", "stride", "pooling"];
        let object = read_object(path, FILE_BYTES_MAX)?;
        if let Some(name) = object.keys().find(|k| !KNOWN.contains(&k.as_str())) {
            return Err(LoadError::content(
                path,
                format!("`{name}` is not known; known are `{}`", KNOWN.join("`, `")),
            ));
        }
        let number = |name: &str, default: usize, min: usize, max: usize| match object.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| (min..=max).contains(n))
                .ok_or_else(|| {
                    LoadError::content(path, format!("`{name}` is no number from {min} to {max}"))
                }),
        };
        let threshold = object
            .get("threshold")
            .and_then(Value::as_f64)
            .filter(|t| *t > 0.0 && *t <= 1.0)
            .ok_or_else(|| {
                LoadError::content(path, "`threshold` is no probability above 0 and at most 1")
            })?;
        let pooling = match object.get("pooling").map(Value::as_str) {
            None | Some(Some("pooler")) => Pooling::Pooler,
            Some(Some("mean")) => Pooling::Mean,
            _ => {
                return Err(LoadError::content(
                    path,
                    "`pooling` is neither `pooler` nor `mean`",
                ));
            }
        };
        let tokens_max = number(
            "tokens_max",
            TOKENS.min(config.positions),
            8,
            config.positions,
        )?;
        Ok(Self {
            label: number("label", 1.min(config.labels - 1), 0, config.labels - 1)?,
            threshold_milli: ((threshold * 1_000.0).round() as u16).max(1),
            tokens_max,
            stride: number("stride", tokens_max / 2, 1, tokens_max)?,
            pooling,
        })
    }
}
