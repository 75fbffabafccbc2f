//! The record: hash chain, Merkle tree, signed checkpoints, proofs and verification.
//!
//! Everything here works on bytes that are handed in; files belong to `interlock-store`.
