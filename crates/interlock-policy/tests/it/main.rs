//! The language at its boundary: files in, a program or messages out.

mod diagnostics;
mod oracle;
