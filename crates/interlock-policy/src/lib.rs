//! interlock-policy
