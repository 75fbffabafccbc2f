//! Who is who: the people behind names, the groups that policies ask, and who owns which agent.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::program::glob::Glob;

/// Groups that one group may pass a question on to, one after the other.
const CHAIN_MAX: usize = 8;

/// One group that a policy may ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// The people in it; empty: everybody who may decide at all, unless it is `declared`.
    pub people: BTreeSet<String>,
    /// The group that is asked as well when nobody answers.
    pub next: Option<String>,
    /// Somebody else says who is in it, so that without people it is nobody's.
    pub declared: bool,
}

/// People, groups and owners. Without configuration everybody whose key may decide is in every group,
/// under the name of the key.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Other names of a person, such as a key's label or `slack:T1/U2`, each with the person's.
    names: BTreeMap<String, String>,
    groups: BTreeMap<String, Group>,
    owners: Vec<(Glob, String)>,
    /// By tenant: a person of one may bear the name of somebody in another.
    disabled: BTreeMap<String, BTreeSet<String>>,
}

impl People {
    /// Whether any group is configured.
    #[must_use]
    pub fn has_groups(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Adds another name of a person; `false` when somebody else has it.
    pub fn add_name(&mut self, person: &str, name: &str) -> bool {
        let other = self.names.get(name).is_some_and(|p| p != person);
        if !other {
            self.names.insert(name.to_owned(), person.to_owned());
        }
        !other
    }

    /// Adds a group.
    pub fn add_group(&mut self, name: &str, group: Group) {
        self.groups.insert(name.to_owned(), group);
    }

    /// Says that there is a group whose people come from elsewhere: while nobody is in it, it is nobody's.
    pub fn declare_group(&mut self, name: &str) {
        self.groups.entry(name.to_owned()).or_default().declared = true;
    }

    /// Puts a person into a group, which is made if it is not there.
    pub fn add_member(&mut self, group: &str, person: &str) {
        let group = self.groups.entry(group.to_owned()).or_default();
        group.people.insert(person.to_owned());
    }

    /// Says who owns the agents whose id matches `pattern`.
    pub fn add_owner(&mut self, pattern: &str, person: &str) {
        self.owners.push((Glob::new(pattern), person.to_owned()));
    }

    /// Says that a person of a tenant may not act any more. Their groups stay as they are: one that
    /// lost its last member would be everybody's.
    pub fn disable(&mut self, tenant: &str, person: &str) {
        let disabled = self.disabled.entry(tenant.to_owned()).or_default();
        disabled.insert(person.to_owned());
    }

    /// Whether a person of a tenant may not act any more.
    #[must_use]
    pub fn is_disabled(&self, tenant: &str, person: &str) -> bool {
        self.disabled
            .get(tenant)
            .is_some_and(|disabled| disabled.contains(person))
    }

    /// The person of this name; the name itself when nobody is known by it.
    #[must_use]
    pub fn name_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, String::as_str)
    }

    /// The person who is known by this name.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<&str> {
        self.names.get(name).map(String::as_str)
    }

    /// The people who own an agent.
    pub fn owners_of<'a>(&'a self, agent: &'a str) -> impl Iterator<Item = &'a str> {
        self.owners
            .iter()
            .filter(move |(pattern, _)| pattern.matches(agent))
            .map(|(_, person)| person.as_str())
    }

    /// The groups that are asked once a question to `group` was passed on so often, the first one
    /// first.
    #[must_use]
    pub fn asked(&self, group: &str, escalations: usize) -> Vec<String> {
        let mut all = vec![group.to_owned()];
        while all.len() <= escalations.min(CHAIN_MAX) {
            let next = all
                .last()
                .and_then(|name| self.groups.get(name))
                .and_then(|g| g.next.clone());
            match next {
                Some(next) if !all.contains(&next) => all.push(next),
                _ => break,
            }
        }
        all
    }

    /// The people of a group; `None` when everybody is in it.
    #[must_use]
    pub fn members(&self, group: &str) -> Option<&BTreeSet<String>> {
        let group = self.groups.get(group)?;
        (group.declared || !group.people.is_empty()).then_some(&group.people)
    }

    /// Whether a person may agree for `group` after so many escalations.
    #[must_use]
    pub fn may_agree(&self, person: &str, group: &str, escalations: usize) -> bool {
        self.asked(group, escalations)
            .iter()
            .any(|name| self.members(name).is_none_or(|m| m.contains(person)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_goes_from_group_to_group() {
        let mut people = People::default();
        assert!(people.may_agree("anybody", "finance", 0));
        let group = |names: &[&str], next: Option<&str>| Group {
            people: names.iter().map(|n| (*n).to_owned()).collect(),
            next: next.map(str::to_owned),
            declared: false,
        };
        people.add_group("finance", group(&["ann"], Some("managers")));
        people.add_group("managers", group(&["bo"], Some("finance")));
        // Person, escalations, may agree.
        for (person, escalations, may) in [
            ("ann", 0, true),
            ("bo", 0, false),
            ("bo", 1, true),
            ("cy", 2, false),
            ("cy", usize::MAX, false),
        ] {
            assert_eq!(
                people.may_agree(person, "finance", escalations),
                may,
                "{person} {escalations}"
            );
        }
        assert_eq!(people.asked("finance", 9), ["finance", "managers"]);
    }

    #[test]
    fn a_declared_group_without_people_is_nobodys() {
        let mut people = People::default();
        people.add_group("open", Group::default());
        let next = Some("managers".to_owned());
        people.add_group(
            "finance",
            Group {
                next,
                ..Group::default()
            },
        );
        people.declare_group("finance");
        people.declare_group("leads");
        people.add_member("managers", "bo");
        for (group, escalations, may) in [
            ("open", 0, true),
            ("finance", 0, false),
            ("finance", 1, true),
            ("leads", 9, false),
        ] {
            assert_eq!(people.may_agree("bo", group, escalations), may, "{group}");
        }
        people.add_member("leads", "bo");
        assert!(people.may_agree("bo", "leads", 0) && !people.may_agree("cy", "leads", 0));
    }

    #[test]
    fn one_person_has_many_names_and_one_name_one_person() {
        let mut people = People::default();
        assert!(people.add_name("ann", "ann's laptop"));
        assert!(people.add_name("ann", "slack:T1/U1"));
        assert!(!people.add_name("bo", "slack:T1/U1"));
        assert_eq!(people.name_of("slack:T1/U1"), "ann");
        assert_eq!(people.name_of("somebody"), "somebody");
        assert_eq!(people.known("somebody"), None);
        people.add_owner("billing-*", "ann");
        let owners: Vec<_> = people.owners_of("billing-bot").collect();
        assert_eq!(owners, ["ann"]);
        assert_eq!(people.owners_of("bot").count(), 0);
    }
}
