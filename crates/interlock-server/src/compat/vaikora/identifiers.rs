//! UUIDs for what has another id here.

use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

/// A UUID of version 8 (RFC 9562, section 5.8): a hash of the kind, the tenant and the id.
fn derived(kind: &str, tenant: &str, id: &str) -> Uuid {
    let mut hash = Sha256::new();
    for part in [kind, tenant, id] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// The organisation that a tenant is.
pub(super) fn organization(tenant: &str) -> Uuid {
    derived("organization", tenant, "")
}

/// An agent.
pub(super) fn agent(tenant: &str, agent_id: &str) -> Uuid {
    derived("agent", tenant, agent_id)
}

/// A person, by the name under which answers are counted.
pub(super) fn person(tenant: &str, subject: &str) -> Uuid {
    derived("person", tenant, subject)
}

/// A rule: that of a policy added through the API is one already, perhaps of several of its rows.
pub(super) fn rule(tenant: &str, id: &str) -> Uuid {
    // As the rules of rows are called in decisions.
    let id = id.strip_prefix("policy/").unwrap_or(id);
    row(id).unwrap_or_else(|| derived("rule", tenant, id))
}

/// The policy that a row belongs to: those after its first are numbered.
pub(super) fn row(id: &str) -> Option<Uuid> {
    let (policy, number) = id.split_once('.').unwrap_or((id, "0"));
    number.parse::<u32>().ok()?;
    policy.parse().ok()
}

/// An alert.
pub(super) fn alert(tenant: &str, id: &str) -> Uuid {
    derived("alert", tenant, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_kind_tenant_and_id() {
        let all = [
            organization("a"),
            organization("b"),
            agent("a", "x"),
            agent("b", "x"),
            agent("a", "y"),
            person("a", "x"),
            alert("a", "x"),
            rule("a", "x"),
            agent("ax", ""),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.get_version_num(), 8);
            assert!(all[..at].iter().all(|other| other != one), "{at}");
        }
        assert_eq!(agent("a", "x"), agent("a", "x"));
    }

    #[test]
    fn rows_of_one_policy_have_one_id() {
        let policy = "0192d1f0-0000-7000-8000-000000000001";
        let id: Uuid = policy.parse().unwrap();
        assert_eq!(row(policy), Some(id));
        assert_eq!(row(&format!("{policy}.3")), Some(id));
        assert_eq!(rule("a", &format!("{policy}.3")), id);
        assert_eq!(rule("a", &format!("policy/{policy}.3")), id);
        assert_eq!(rule("a", "policy/x"), rule("a", "x"));
        assert_eq!(row(&format!("{policy}.x")), None);
        assert_eq!(row("unbounded-writes"), None);
    }
}
