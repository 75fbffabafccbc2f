//! `model.safetensors`: a length, a JSON header that says where each tensor lies, and the tensors.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::{Map, Value};

use crate::LoadError;

/// Bytes of the header.
const HEADER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// An open file of tensors; each is read when it is asked for.
#[derive(Debug)]
pub(crate) struct Tensors {
    path: String,
    file: File,
    header: Map<String, Value>,
    /// Where the tensors begin, and how many bytes they have together.
    start: u64,
    bytes: u64,
}

impl Tensors {
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        let failed = |source| LoadError::File {
            path: path.display().to_string(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let all = file.metadata().map_err(failed)?.len();
        if all > FILE_BYTES_MAX {
            return Err(LoadError::TooLarge {
                path: path.display().to_string(),
                bytes_max: FILE_BYTES_MAX,
            });
        }
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(failed)?;
        let length = u64::from_le_bytes(length);
        if length > HEADER_BYTES_MAX || length + 8 > all {
            return Err(LoadError::content(
                path,
                format!("its header of {length} bytes does not fit"),
            ));
        }
        let mut header = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact(&mut header).map_err(failed)?;
        let Ok(Value::Object(header)) = serde_json::from_slice(&header) else {
            return Err(LoadError::content(path, "its header is no JSON object"));
        };
        Ok(Self {
            path: path.display().to_string(),
            file,
            header,
            start: length + 8,
            bytes: all - length - 8,
        })
    }

    fn wrong(&self, name: &str, what: impl Into<String>) -> LoadError {
        LoadError::Tensor {
            path: self.path.clone(),
            name: name.to_owned(),
            what: what.into(),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.header.contains_key(name)
    }

    /// The numbers of a tensor of that shape, the last dimension fastest.
    pub(crate) fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let Some(entry) = self.header.get(name) else {
            return Err(self.wrong(name, "is missing"));
        };
        let numbers = |value: Option<&Value>| -> Option<Vec<u64>> {
            value?.as_array()?.iter().map(Value::as_u64).collect()
        };
        let found = numbers(entry.get("shape")).unwrap_or_default();
        let wanted: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
        if found != wanted {
            return Err(self.wrong(
                name,
                format!("has the shape {found:?} instead of {wanted:?}"),
            ));
        }
        let kind = entry
            .get("dtype")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let each: u64 = match kind {
            "F32" => 4,
            "F16" | "BF16" => 2,
            other => {
                return Err(self.wrong(
                    name,
                    format!("holds `{other}`; `F32`, `F16` and `BF16` can be read"),
                ));
            }
        };
        let count = wanted.iter().try_fold(1u64, |all, n| all.checked_mul(*n));
        let bytes = count.and_then(|n| n.checked_mul(each));
        let place = numbers(entry.get("data_offsets"));
        let (Some([from, to]), Some(bytes)) = (place.as_deref(), bytes) else {
            return Err(self.wrong(name, "says not where it lies"));
        };
        if *to > self.bytes || to.checked_sub(*from) != Some(bytes) {
            return Err(self.wrong(name, "does not lie within the file with its size"));
        }
        let mut raw = vec![0; usize::try_from(bytes).unwrap_or(0)];
        let read = self
            .file
            .seek(SeekFrom::Start(self.start + from))
            .and_then(|_| self.file.read_exact(&mut raw));
        read.map_err(|source| LoadError::File {
            path: self.path.clone(),
            source,
        })?;
        let out: Vec<f32> = match kind {
            "F32" => raw
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect(),
            "F16" => raw
                .as_chunks::<2>()
                .0
                .iter()
                .map(|b| half(u16::from_le_bytes(*b)))
                .collect(),
            _ => raw
                .as_chunks::<2>()
                .0
                .iter()
                .map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16))
                .collect(),
        };
        if out.iter().any(|n| !n.is_finite()) {
            return Err(self.wrong(name, "holds what is no number"));
        }
        Ok(out)
    }
}

/// A number of IEEE 754 half precision.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x3ff);
    sign * match bits >> 10 & 0x1f {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + fraction / 1_024.0) * 2f32.powi(i32::from(exponent) - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves() {
        for (bits, number) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_5e-8),
        ] {
            assert_eq!(half(bits), number);
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }
}
