//! Writing a zip: fixed times and attributes, so that the same files are the same bytes.
//!
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.

use std::io::{self, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

use super::{CENTRAL, END, END64, LOCAL, LOCATOR64};

/// 1980-01-01, the earliest that the format knows.
const DATE: u16 = 0x0021;
/// A plain file that its owner may write and everybody read, made on Unix.
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// A file that was written, for the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its content.
    pub sha256: [u8; 32],
}

#[derive(Debug)]
struct Member {
    name: String,
    at: u64,
    method: u16,
    crc: u32,
    packed: u64,
    bytes: u64,
    large: bool,
}

/// A zip that is being written.
#[derive(Debug)]
pub struct Zip<W: Write + Seek> {
    out: W,
    at: u64,
    members: Vec<Member>,
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As it is: hashes do not get smaller.
    Stored,
    /// Deflated.
    Deflated,
    /// Deflated, of any length.
    Large,
}

/// A file that is being written; [`File::finish`] ends it.
#[derive(Debug)]
pub struct File<'a, W: Write + Seek> {
    zip: &'a mut Zip<W>,
    member: Member,
    body: Body,
    crc: flate2::Crc,
    digest: Sha256,
}

#[derive(Debug)]
enum Body {
    Stored,
    Deflated(Box<DeflateEncoder<Vec<u8>>>),
}

fn push16(out: &mut Vec<u8>, n: u16) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn push32(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn push64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn too_large() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        "a file of the bundle is too large",
    )
}

impl Member {
    /// The fields that local and central header share.
    fn common(&self, out: &mut Vec<u8>) -> io::Result<()> {
        push16(out, if self.large { 45 } else { 20 });
        push16(out, 0);
        push16(out, self.method);
        push16(out, 0);
        push16(out, DATE);
        push32(out, self.crc);
        if self.large {
            push32(out, u32::MAX);
            push32(out, u32::MAX);
        } else {
            push32(out, u32::try_from(self.packed).map_err(|_| too_large())?);
            push32(out, u32::try_from(self.bytes).map_err(|_| too_large())?);
        }
        push16(
            out,
            u16::try_from(self.name.len()).map_err(|_| too_large())?,
        );
        Ok(())
    }

    fn local(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(64 + self.name.len());
        push32(&mut out, LOCAL);
        self.common(&mut out)?;
        push16(&mut out, if self.large { 20 } else { 0 });
        out.extend_from_slice(self.name.as_bytes());
        if self.large {
            push16(&mut out, 1);
            push16(&mut out, 16);
            push64(&mut out, self.bytes);
            push64(&mut out, self.packed);
        }
        Ok(out)
    }

    fn central(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let far = u32::try_from(self.at).is_err();
        push32(out, CENTRAL);
        // Made on Unix.
        push16(out, 3 << 8 | 45);
        self.common(out)?;
        let extra = match (self.large, far) {
            (false, false) => 0,
            (large, far) => 4 + 16 * u16::from(large) + 8 * u16::from(far),
        };
        push16(out, extra);
        push16(out, 0);
        push16(out, 0);
        push16(out, 0);
        push32(out, ATTRIBUTES);
        push32(out, u32::try_from(self.at).unwrap_or(u32::MAX));
        out.extend_from_slice(self.name.as_bytes());
        if extra > 0 {
            push16(out, 1);
            push16(out, extra - 4);
            if self.large {
                push64(out, self.bytes);
                push64(out, self.packed);
            }
            if far {
                push64(out, self.at);
            }
        }
        Ok(())
    }
}

impl<W: Write + Seek> Zip<W> {
    /// A zip that begins where `out` stands, which is its beginning.
    pub fn new(out: W) -> Self {
        Self {
            out,
            at: 0,
            members: Vec::new(),
        }
    }

    /// Begins a file.
    ///
    /// # Errors
    /// When the name is not one of a bundle or is there already, or it cannot be written.
    pub fn file(&mut self, name: &str, packing: Packing) -> io::Result<File<'_, W>> {
        if !crate::name_is_valid(name) || self.members.len() >= crate::FILES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "`{}` cannot be in a bundle",
                    crate::printable(name.as_bytes())
                ),
            ));
        }
        let member = Member {
            name: name.to_owned(),
            at: self.at,
            method: if packing == Packing::Stored { 0 } else { 8 },
            crc: 0,
            packed: 0,
            bytes: 0,
            large: packing == Packing::Large,
        };
        let header = member.local()?;
        self.out.write_all(&header)?;
        self.at += header.len() as u64;
        let body = match packing {
            Packing::Stored => Body::Stored,
            Packing::Deflated => Body::Deflated(Box::new(DeflateEncoder::new(
                Vec::new(),
                Compression::default(),
            ))),
            Packing::Large => Body::Deflated(Box::new(DeflateEncoder::new(
                Vec::new(),
                Compression::fast(),
            ))),
        };
        Ok(File {
            zip: self,
            member,
            body,
            crc: flate2::Crc::new(),
            digest: Sha256::new(),
        })
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn whole(&mut self, name: &str, packing: Packing, content: &[u8]) -> io::Result<Written> {
        let mut file = self.file(name, packing)?;
        file.write_all(content)?;
        file.finish()
    }

    /// Writes the directory; what was written to, and how many bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        let mut out = Vec::new();
        for member in &self.members {
            member.central(&mut out)?;
        }
        let (count, bytes, at) = (self.members.len(), out.len() as u64, self.at);
        if count >= 0xffff || u32::try_from(at).is_err() || u32::try_from(bytes).is_err() {
            push32(&mut out, END64);
            push64(&mut out, 44);
            push16(&mut out, 3 << 8 | 45);
            push16(&mut out, 45);
            push32(&mut out, 0);
            push32(&mut out, 0);
            push64(&mut out, count as u64);
            push64(&mut out, count as u64);
            push64(&mut out, bytes);
            push64(&mut out, at);
            push32(&mut out, LOCATOR64);
            push32(&mut out, 0);
            push64(&mut out, at + bytes);
            push32(&mut out, 1);
        }
        push32(&mut out, END);
        push32(&mut out, 0);
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        push16(&mut out, count);
        push16(&mut out, count);
        push32(&mut out, u32::try_from(bytes).unwrap_or(u32::MAX));
        push32(&mut out, u32::try_from(at).unwrap_or(u32::MAX));
        push16(&mut out, 0);
        self.out.write_all(&out)?;
        self.out.flush()?;
        Ok((self.out, at + out.len() as u64))
    }
}

impl<W: Write + Seek> File<'_, W> {
    fn drain(&mut self) -> io::Result<()> {
        if let Body::Deflated(deflate) = &mut self.body {
            let packed = deflate.get_mut();
            self.zip.out.write_all(packed)?;
            self.member.packed += packed.len() as u64;
            packed.clear();
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<Written> {
        if let Body::Deflated(deflate) = &mut self.body {
            deflate.try_finish()?;
        }
        self.drain()?;
        self.member.crc = self.crc.sum();
        let header = self.member.local()?;
        let zip = self.zip;
        zip.out.seek(SeekFrom::Start(self.member.at))?;
        zip.out.write_all(&header)?;
        zip.at += self.member.packed;
        zip.out.seek(SeekFrom::Start(zip.at))?;
        let written = Written {
            name: self.member.name.clone(),
            bytes: self.member.bytes,
            sha256: self.digest.finalize().into(),
        };
        zip.members.push(self.member);
        Ok(written)
    }
}

impl<W: Write + Seek> Write for File<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.crc.update(bytes);
        self.digest.update(bytes);
        self.member.bytes += bytes.len() as u64;
        match &mut self.body {
            Body::Stored => {
                self.zip.out.write_all(bytes)?;
                self.member.packed += bytes.len() as u64;
            }
            Body::Deflated(deflate) => {
                deflate.write_all(bytes)?;
                if deflate.get_ref().len() >= 64 * 1024 {
                    self.drain()?;
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
