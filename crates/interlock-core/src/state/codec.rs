//! The bytes of a snapshot: fixed-width little-endian integers, counted sequences, fields in order.
//!
//! Two equal states have equal bytes, so that a fold can be compared with the live state. Integrity
//! is the store's (a checksum around the snapshot); here every length is checked against what is
//! left, so that damaged bytes are refused and cannot ask for memory.

use std::collections::{BTreeMap, VecDeque};

/// A value that goes into a snapshot.
pub(crate) trait Codec: Sized {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads the value from the front.
    fn take(from: &mut &[u8]) -> Option<Self>;
}

macro_rules! integers {
    ($($ty:ty),*) => { $(
        impl Codec for $ty {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn take(from: &mut &[u8]) -> Option<Self> {
                let (head, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_le_bytes(*head))
            }
        }
    )* };
}
integers!(u8, u16, u32, u64, u128, i64);

impl Codec for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

fn put_len(len: usize, out: &mut Vec<u8>) {
    // Every sequence of the state is bounded far below 2^32.
    u32::try_from(len).unwrap_or(u32::MAX).put(out);
}

/// A length that what is left can hold, as every element takes a byte at least.
fn take_len(from: &mut &[u8]) -> Option<usize> {
    let len = usize::try_from(u32::take(from)?).ok()?;
    (len <= from.len()).then_some(len)
}

impl<T: Codec> Codec for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_len(self.len(), out);
        self.iter().for_each(|item| item.put(out));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let len = take_len(from)?;
        (0..len).map(|_| T::take(from)).collect()
    }
}

impl<T: Codec> Codec for VecDeque<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_len(self.len(), out);
        self.iter().for_each(|item| item.put(out));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Vec::take(from).map(Self::from)
    }
}

impl<K: Codec + Ord, V: Codec> Codec for BTreeMap<K, V> {
    fn put(&self, out: &mut Vec<u8>) {
        put_len(self.len(), out);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let len = take_len(from)?;
        (0..len)
            .map(|_| Some((K::take(from)?, V::take(from)?)))
            .collect()
    }
}

impl<K: Codec + Ord> Codec for std::collections::BTreeSet<K> {
    fn put(&self, out: &mut Vec<u8>) {
        put_len(self.len(), out);
        self.iter().for_each(|item| item.put(out));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let len = take_len(from)?;
        (0..len).map(|_| K::take(from)).collect()
    }
}

impl Codec for Box<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_len(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let len = take_len(from)?;
        let (text, rest) = from.split_at_checked(len)?;
        *from = rest;
        Some(std::str::from_utf8(text).ok()?.into())
    }
}

impl Codec for std::sync::Arc<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_len(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Box::<str>::take(from).map(Self::from)
    }
}

impl<T: Codec> Codec for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        T::take(from).map(Self::new)
    }
}

impl<A: Codec, B: Codec> Codec for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl<T: Codec> Codec for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(if bool::take(from)? {
            Some(T::take(from)?)
        } else {
            None
        })
    }
}

impl<T: Codec + Copy + Default, const N: usize> Codec for [T; N] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|item| item.put(out));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let mut all = [T::default(); N];
        for item in &mut all {
            *item = T::take(from)?;
        }
        Some(all)
    }
}

/// Fields in the order given; a struct that gains a field raises the snapshot's version.
macro_rules! codec {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::state::codec::Codec for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $($crate::state::codec::Codec::put(&self.$field, out);)*
            }
            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::state::codec::Codec::take(from)?,)* })
            }
        }
    };
}
pub(crate) use codec;
