//! The language at its boundary: files in, a program or messages out.

mod bundles;
mod cedar;
mod diagnostics;
mod oracle;
mod replay;
mod robust;
