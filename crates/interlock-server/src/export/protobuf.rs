//! The wire format of protocol buffers, as far as traces need it.
//!
//! Source: protobuf.dev, "Encoding": varints, length-delimited fields, fixed 64-bit numbers.

/// A message that is being written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    fn tag(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    /// A number; zero is left out, as in every proto3 message.
    pub(super) fn uint(&mut self, field: u32, value: u64) -> &mut Self {
        if value != 0 {
            self.tag(field, 0);
            self.varint(value);
        }
        self
    }

    /// A number that is written even where it is zero: one of a choice.
    pub(super) fn chosen(&mut self, field: u32, value: u64) -> &mut Self {
        self.tag(field, 0);
        self.varint(value);
        self
    }

    /// A `fixed64`.
    pub(super) fn fixed64(&mut self, field: u32, value: u64) -> &mut Self {
        if value != 0 {
            self.tag(field, 1);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
        self
    }

    /// Bytes, or a text; empty ones are left out.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Self {
        if !value.is_empty() {
            self.tag(field, 2);
            self.varint(value.len() as u64);
            self.0.extend_from_slice(value);
        }
        self
    }

    /// A message within, also when it is empty.
    pub(super) fn message(&mut self, field: u32, value: &Self) -> &mut Self {
        self.tag(field, 2);
        self.varint(value.0.len() as u64);
        self.0.extend_from_slice(&value.0);
        self
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the published description.
    #[test]
    fn the_published_examples() {
        let mut one = Message::default();
        one.uint(1, 150);
        assert_eq!(one.clone().finish(), [0x08, 0x96, 0x01]);
        let mut text = Message::default();
        text.bytes(2, b"testing");
        assert_eq!(
            text.finish(),
            [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]
        );
        let mut outer = Message::default();
        outer.message(3, &one);
        assert_eq!(outer.finish(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let mut number = Message::default();
        number.uint(1, u64::MAX).uint(2, 0).fixed64(3, 1);
        assert_eq!(
            number.finish(),
            [
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x19, 1, 0, 0, 0,
                0, 0, 0, 0
            ]
        );
    }
}
