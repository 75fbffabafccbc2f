//! The forward pass: embeddings, layers of attention and of two dense maps, and the classifier
//! (Devlin et al., 2019; Vaswani et al., 2017).

use std::path::Path;

use crate::LoadError;
use crate::settings::{Activation, Config, Pooling, Settings};
use crate::tensors::Tensors;

/// A dense map: a row of weights for each value that comes out.
#[derive(Debug)]
struct Dense {
    weights: Vec<f32>,
    bias: Vec<f32>,
    input: usize,
}

#[derive(Debug)]
struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

#[derive(Debug)]
struct Layer {
    query: Dense,
    key: Dense,
    value: Dense,
    attended: Dense,
    attended_norm: Norm,
    inner: Dense,
    outer: Dense,
    outer_norm: Norm,
}

/// The weights of a classifier.
#[derive(Debug)]
pub(crate) struct Bert {
    config: Config,
    words: Vec<f32>,
    positions: Vec<f32>,
    kind: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    pooler: Option<Dense>,
    classifier: Dense,
}

/// Reads tensors under the prefix that the file uses.
struct Reader {
    tensors: Tensors,
    prefix: &'static str,
}

impl Reader {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let name = format!("{}{name}", self.prefix);
        self.tensors.read(&name, shape)
    }

    fn dense(&mut self, name: &str, input: usize, output: usize) -> Result<Dense, LoadError> {
        Ok(Dense {
            weights: self.tensor(&format!("{name}.weight"), &[output, input])?,
            bias: self.tensor(&format!("{name}.bias"), &[output])?,
            input,
        })
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<Norm, LoadError> {
        // Models that were brought over from TensorFlow keep its names.
        let old = format!("{}{name}.gamma", self.prefix);
        let (scale, shift) = if self.tensors.has(&old) {
            ("gamma", "beta")
        } else {
            ("weight", "bias")
        };
        Ok(Norm {
            scale: self.tensor(&format!("{name}.{scale}"), &[width])?,
            shift: self.tensor(&format!("{name}.{shift}"), &[width])?,
        })
    }
}

impl Bert {
    pub(crate) fn read(
        path: &Path,
        config: Config,
        settings: &Settings,
    ) -> Result<Self, LoadError> {
        let tensors = Tensors::open(path)?;
        let prefix = if tensors.has("bert.embeddings.word_embeddings.weight") {
            "bert."
        } else {
            ""
        };
        let mut from = Reader { tensors, prefix };
        let width = config.width;
        let words = from.tensor(
            "embeddings.word_embeddings.weight",
            &[config.vocabulary, width],
        )?;
        let positions = from.tensor(
            "embeddings.position_embeddings.weight",
            &[config.positions, width],
        )?;
        let kinds = from.tensor(
            "embeddings.token_type_embeddings.weight",
            &[config.types, width],
        )?;
        let norm = from.norm("embeddings.LayerNorm", width)?;
        let mut layers = Vec::with_capacity(config.layers);
        for at in 0..config.layers {
            let name = |part: &str| format!("encoder.layer.{at}.{part}");
            layers.push(Layer {
                query: from.dense(&name("attention.self.query"), width, width)?,
                key: from.dense(&name("attention.self.key"), width, width)?,
                value: from.dense(&name("attention.self.value"), width, width)?,
                attended: from.dense(&name("attention.output.dense"), width, width)?,
                attended_norm: from.norm(&name("attention.output.LayerNorm"), width)?,
                inner: from.dense(&name("intermediate.dense"), width, config.inner)?,
                outer: from.dense(&name("output.dense"), config.inner, width)?,
                outer_norm: from.norm(&name("output.LayerNorm"), width)?,
            });
        }
        let pooler = match settings.pooling {
            Pooling::Pooler => Some(from.dense("pooler.dense", width, width)?),
            Pooling::Mean => None,
        };
        // The classifier stands outside the encoder.
        from.prefix = "";
        let classifier = from.dense("classifier", width, config.labels)?;
        Ok(Self {
            kind: kinds[..width].to_vec(),
            config,
            words,
            positions,
            norm,
            layers,
            pooler,
            classifier,
        })
    }

    /// The probability of `label` for tokens; of a single class, its logistic value.
    pub(crate) fn probability(&self, tokens: &[u32], label: usize) -> f32 {
        let mut logits = self.logits(tokens);
        if let [one] = logits.as_slice() {
            return 1.0 / (1.0 + (-one).exp());
        }
        softmax(&mut logits);
        logits.get(label).copied().unwrap_or(f32::NAN)
    }

    /// What the classifier says of tokens, at most as many as there are positions.
    pub(crate) fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        let width = self.config.width;
        let tokens = &tokens[..tokens.len().min(self.config.positions)];
        let mut states = Vec::with_capacity(tokens.len() * width);
        for (position, token) in tokens.iter().enumerate() {
            let word = row(&self.words, *token as usize, width);
            let place = row(&self.positions, position, width);
            for ((w, p), k) in word.iter().zip(place).zip(&self.kind) {
                states.push(w + p + k);
            }
        }
        self.norm.apply(&mut states, self.config.epsilon);
        for layer in &self.layers {
            layer.apply(&mut states, &self.config);
        }
        let pooled = match &self.pooler {
            Some(pooler) => {
                let mut first = pooler.apply(&states[..width]);
                for value in &mut first {
                    *value = value.tanh();
                }
                first
            }
            None => mean(&states, width),
        };
        self.classifier.apply(&pooled)
    }
}

fn row(table: &[f32], at: usize, width: usize) -> &[f32] {
    &table[at * width..(at + 1) * width]
}

/// The mean of the rows, brought to length one.
fn mean(states: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; width];
    for state in states.chunks_exact(width) {
        add(&mut out, state);
    }
    let rows = (states.len() / width) as f32;
    for value in &mut out {
        *value /= rows;
    }
    let length = out.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
    for value in &mut out {
        *value /= length;
    }
    out
}

fn add(to: &mut [f32], from: &[f32]) {
    for (t, f) in to.iter_mut().zip(from) {
        *t += f;
    }
}

impl Norm {
    fn apply(&self, states: &mut [f32], epsilon: f32) {
        let width = self.scale.len();
        for state in states.chunks_exact_mut(width) {
            let mean = state.iter().sum::<f32>() / width as f32;
            let variance = state.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / width as f32;
            let by = 1.0 / (variance + epsilon).sqrt();
            for ((value, scale), shift) in state.iter_mut().zip(&self.scale).zip(&self.shift) {
                *value = (*value - mean) * by * scale + shift;
            }
        }
    }
}

/// Values summed side by side, so that the compiler can use wide registers.
const LANES: usize = 8;

/// Four sums of products with one row.
fn dot4(x: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
    let mut sums = [[0.0f32; LANES]; 4];
    let (chunks, tail) = x.as_chunks::<LANES>();
    for (at, x) in chunks.iter().enumerate() {
        for (sum, row) in sums.iter_mut().zip(rows) {
            let w = &row[at * LANES..(at + 1) * LANES];
            for lane in 0..LANES {
                sum[lane] += x[lane] * w[lane];
            }
        }
    }
    let from = chunks.len() * LANES;
    let mut out = sums.map(|sum| sum.iter().sum::<f32>());
    for (out, row) in out.iter_mut().zip(rows) {
        for (x, w) in tail.iter().zip(&row[from..]) {
            *out += x * w;
        }
    }
    out
}

fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let ((x, x_tail), (y, y_tail)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x.iter().zip(y) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let tail: f32 = x_tail.iter().zip(y_tail).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + tail
}

impl Dense {
    /// The map of each row of `states`.
    fn apply(&self, states: &[f32]) -> Vec<f32> {
        let (input, output) = (self.input, self.bias.len());
        let rows = states.len() / input;
        let mut out = vec![0.0; rows * output];
        let mut at = 0;
        // Few rows of weights at a time stay in the nearest cache for all rows of states.
        while at < output {
            let row = |n: usize| row(&self.weights, (at + n).min(output - 1), input);
            let four = [row(0), row(1), row(2), row(3)];
            let used = (output - at).min(4);
            for (n, state) in states.chunks_exact(input).enumerate() {
                let sums = dot4(state, four);
                let to = &mut out[n * output + at..n * output + at + used];
                for ((to, sum), bias) in to.iter_mut().zip(sums).zip(&self.bias[at..]) {
                    *to = sum + bias;
                }
            }
            at += 4;
        }
        out
    }
}

impl Layer {
    fn apply(&self, states: &mut [f32], config: &Config) {
        let attended = self.attended.apply(&self.attention(states, config));
        add(states, &attended);
        self.attended_norm.apply(states, config.epsilon);
        let mut inner = self.inner.apply(states);
        for value in &mut inner {
            *value = activate(*value, config.activation);
        }
        let outer = self.outer.apply(&inner);
        add(states, &outer);
        self.outer_norm.apply(states, config.epsilon);
    }

    fn attention(&self, states: &[f32], config: &Config) -> Vec<f32> {
        let (width, head) = (config.width, config.width / config.heads);
        let tokens = states.len() / width;
        let (queries, keys, values) = (
            self.query.apply(states),
            self.key.apply(states),
            self.value.apply(states),
        );
        let by = 1.0 / (head as f32).sqrt();
        let mut out = vec![0.0; states.len()];
        let mut weights = vec![0.0; tokens];
        for from in (0..width).step_by(head) {
            let part = |token: usize| token * width + from..token * width + from + head;
            for token in 0..tokens {
                let query = &queries[part(token)];
                for (other, weight) in weights.iter_mut().enumerate() {
                    *weight = by * dot(query, &keys[part(other)]);
                }
                softmax(&mut weights);
                let to = &mut out[part(token)];
                for (other, weight) in weights.iter().enumerate() {
                    for (to, value) in to.iter_mut().zip(&values[part(other)]) {
                        *to += weight * value;
                    }
                }
            }
        }
        out
    }
}

fn softmax(values: &mut [f32]) {
    let highest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = (*value - highest).exp();
        sum += *value;
    }
    for value in values {
        *value /= sum;
    }
}

fn activate(x: f32, activation: Activation) -> f32 {
    match activation {
        Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::Relu => x.max(0.0),
    }
}

/// The error function, to 1.5e-7 (Abramowitz and Stegun, 1964, 7.1.26).
fn erf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let series =
        ((((1.061_405_4 * t - 1.453_152) * t) + 1.421_413_7) * t - 0.284_496_74) * t + 0.254_829_6;
    (1.0 - series * t * (-x * x).exp()).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_and_the_activations() {
        for (x, y) in [
            (0.0, 0.0),
            (0.5, 0.520_499_9),
            (-1.0, -0.842_700_8),
            (3.0, 0.999_977_9),
        ] {
            assert!((erf(x) - y).abs() < 1e-6, "{x}");
        }
        assert!((activate(1.0, Activation::Gelu) - 0.841_344_7).abs() < 1e-6);
        assert!((activate(1.0, Activation::GeluTanh) - 0.841_192).abs() < 1e-5);
        assert_eq!(activate(-1.0, Activation::Relu), 0.0);
    }

    #[test]
    fn a_dense_map_of_odd_sizes_is_the_plain_sum() {
        let (input, output, rows) = (11, 7, 3);
        let number = |n: usize| ((n * 37 % 19) as f32 - 9.0) / 8.0;
        let map = Dense {
            weights: (0..input * output).map(number).collect(),
            bias: (0..output).map(number).collect(),
            input,
        };
        let states: Vec<f32> = (0..rows * input).map(|n| number(n + 5)).collect();
        let found = map.apply(&states);
        for r in 0..rows {
            for o in 0..output {
                let plain: f32 = (0..input)
                    .map(|i| states[r * input + i] * map.weights[o * input + i])
                    .sum::<f32>()
                    + map.bias[o];
                assert!((found[r * output + o] - plain).abs() < 1e-5);
            }
        }
    }
}
