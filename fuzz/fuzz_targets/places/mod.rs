//! What the two targets of the policy language share.

use interlock_policy::Diagnostic;

/// Holds what a policy's messages say about places to the text that they are about.
///
/// # Panics
///
/// When a message names a place that the text does not have.
pub(crate) fn check_places(found: &[Diagnostic], text: &str) {
    assert!(found.iter().any(Diagnostic::is_error));
    for diagnostic in found {
        let Some(at) = (diagnostic.line as usize).checked_sub(1) else {
            continue;
        };
        let line = text.split('\n').nth(at);
        assert_eq!(
            line.map(|l| l.strip_suffix('\r').unwrap_or(l)),
            Some(diagnostic.excerpt.as_str())
        );
        assert!(diagnostic.column as usize <= diagnostic.excerpt.chars().count() + 1);
        assert!(!diagnostic.to_string().is_empty());
    }
}
