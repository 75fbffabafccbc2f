//! interlock-runtime
