//! The plain binary form in which processes of one machine talk: integers little endian, texts and
//! lists with their length before them, nothing that names itself.
//!
//! Reading is total: whatever the bytes, it ends with a value or with [`Malformed`], and asks for
//! no more memory than a small multiple of the bytes that are there.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

/// Constant texts that one process learns from another; past it a message is malformed.
const NAMES_MAX: usize = 8_192;
/// Bytes of one of them.
const NAME_BYTES_MAX: usize = 512;

/// The bytes are not what this version writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a message of this version: {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Texts that are constants of the program (codes, explanations), made constants again after the
/// wire. Bounded, as what is kept here is kept for good.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashSet<&'static str>>);

impl Names {
    pub(crate) fn intern(&self, text: &str) -> Result<&'static str, Malformed> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.get(text) {
            return Ok(name);
        }
        if text.len() > NAME_BYTES_MAX || names.len() >= NAMES_MAX {
            return Err(Malformed("a name is too long, or there are too many"));
        }
        let name: &'static str = Box::leak(text.into());
        names.insert(name);
        Ok(name)
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
    names: &'a Names,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8], names: &'a Names) -> Self {
        Self { rest: bytes, names }
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self
            .rest
            .split_at_checked(bytes)
            .ok_or(Malformed("it ends too early"))?;
        self.rest = rest;
        Ok(head)
    }

    /// The length of something whose items take at least a byte each.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = u32::get(self)?;
        usize::try_from(length)
            .ok()
            .filter(|n| *n <= self.rest.len())
            .ok_or(Malformed("a length is larger than the message"))
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed("bytes are left over"))
        }
    }
}

/// What can cross.
pub(crate) trait Wire: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed>;
}

/// The bytes of a message.
pub(crate) fn encode<T: Wire>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(1_024);
    value.put(&mut out);
    out
}

/// A message, of which nothing may be left over.
pub(crate) fn decode<T: Wire>(bytes: &[u8], names: &Names) -> Result<T, Malformed> {
    let mut input = Input::new(bytes, names);
    let value = T::get(&mut input)?;
    input.end()?;
    Ok(value)
}

fn put_length(length: usize, out: &mut Vec<u8>) {
    // A message is far below 4 GiB; one that is not is refused by its size before it is sent.
    u32::try_from(length).unwrap_or(u32::MAX).put(out);
}

pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_length(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
                let bytes = input.take(size_of::<Self>())?;
                bytes
                    .try_into()
                    .map(Self::from_le_bytes)
                    .map_err(|_| Malformed("it ends too early"))
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i16, i64);

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match u8::get(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a flag is neither 0 nor 1")),
        }
    }
}

impl<const N: usize> Wire for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let bytes = input.take(N)?;
        bytes.try_into().map_err(|_| Malformed("it ends too early"))
    }
}

impl Wire for Uuid {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(Self::from_bytes(Wire::get(input)?))
    }
}

impl Wire for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        input.text().map(str::to_owned)
    }
}

impl Wire for Arc<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        input.text().map(Self::from)
    }
}

impl Wire for &'static str {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let text = input.text()?;
        input.names.intern(text)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(if bool::get(input)? {
            Some(T::get(input)?)
        } else {
            None
        })
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        for item in self {
            item.put(out);
        }
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let length = input.length()?;
        // Grown as items arrive: an item may be much larger in memory than its shortest form.
        let mut items = Self::with_capacity(length.min(64));
        for _ in 0..length {
            items.push(T::get(input)?);
        }
        Ok(items)
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::get(input).map(Self::new)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok((A::get(input)?, B::get(input)?))
    }
}

/// A struct as its fields, in this order. All of them must be named, so that a new field cannot be
/// forgotten.
macro_rules! structure {
    ($type:path { $($field:ident),* $(,)? }) => {
        impl $crate::shared::wire::Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::shared::wire::Wire::put($field, out);)*
            }

            fn get(
                input: &mut $crate::shared::wire::Input<'_>,
            ) -> Result<Self, $crate::shared::wire::Malformed> {
                Ok(Self { $($field: $crate::shared::wire::Wire::get(input)?),* })
            }
        }
    };
}

/// An enumeration by its stable names.
macro_rules! named {
    ($type:path) => {
        impl $crate::shared::wire::Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $crate::shared::wire::put_text(self.name(), out);
            }

            fn get(
                input: &mut $crate::shared::wire::Input<'_>,
            ) -> Result<Self, $crate::shared::wire::Malformed> {
                let name = <String as $crate::shared::wire::Wire>::get(input)?;
                Self::from_name(&name).ok_or($crate::shared::wire::Malformed(concat!(
                    "unknown ",
                    stringify!($type)
                )))
            }
        }
    };
}

/// An enumeration of tuple variants, each with at most one value, by numbers that never change.
macro_rules! variants {
    ($type:path { $($tag:literal => $variant:ident $(($value:ident))?),* $(,)? }) => {
        impl $crate::shared::wire::Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($value))? => {
                        out.push($tag);
                        $($crate::shared::wire::Wire::put($value, out);)?
                    })*
                }
            }

            fn get(
                input: &mut $crate::shared::wire::Input<'_>,
            ) -> Result<Self, $crate::shared::wire::Malformed> {
                Ok(match <u8 as $crate::shared::wire::Wire>::get(input)? {
                    $($tag => Self::$variant $(({
                        let $value = $crate::shared::wire::Wire::get(input)?;
                        $value
                    }))?,)*
                    _ => return Err($crate::shared::wire::Malformed(
                        concat!("unknown ", stringify!($type)),
                    )),
                })
            }
        }
    };
}

pub(crate) use {named, structure, variants};
