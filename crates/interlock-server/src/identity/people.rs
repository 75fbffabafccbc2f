//! Users as the people who answer approvals: one person, however they come.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use interlock_runtime::People;
use interlock_store::StoreError;

use crate::App;

/// The tenant whose people are known where nothing is configured.
const TENANT: &str = "default";

/// The person whom a login belongs to: the login, its e-mail address, or itself.
fn person<'a>(people: &'a People, login: &'a str) -> &'a str {
    people
        .known(login)
        .or_else(|| people.known(&format!("mailto:{login}")))
        .unwrap_or(login)
}

impl App {
    fn people_tenant(&self) -> String {
        self.channels()
            .map_or_else(|| TENANT.to_owned(), |config| config.tenant.clone())
    }

    /// The name under which the answers of a user count.
    pub(crate) fn subject_of(&self, tenant: &str, login: &str) -> String {
        if tenant == self.people_tenant() {
            person(&self.runtime().people(), login).to_owned()
        } else {
            login.to_owned()
        }
    }

    /// Puts users into the groups that they belong to, beside what the file of people says. Disabled
    /// ones stay: a group without anybody is everybody's, unless a provider says who is in it. But a person all of whose users are disabled
    /// may not act, however they come.
    ///
    /// # Errors
    /// When the users cannot be read.
    pub fn refresh_people(&self) -> Result<(), StoreError> {
        // Read and set as one: of two changes at once the newer list must not be set first.
        let _one = (self.identity().refreshing.lock()).unwrap_or_else(PoisonError::into_inner);
        let tenant = self.people_tenant();
        let mut acts = BTreeMap::new();
        let mut people = self
            .channels()
            .map(|config| config.people.clone())
            .unwrap_or_default();
        let store = self.runtime().store();
        for user in store.users(&tenant)? {
            let person = person(&people, &user.login).to_owned();
            people.add_name(&person, &user.login);
            *acts.entry(person.clone()).or_insert(false) |= user.disabled.is_none();
            for group in &user.groups {
                people.add_member(group, &person);
            }
        }
        // Before anybody has signed in, or when the last one left, such a group is nobody's.
        for group in self
            .providers()
            .into_iter()
            .flat_map(super::oidc::Providers::groups)
        {
            people.declare_group(group);
        }
        for (person, _) in acts.iter().filter(|(_, acts)| !**acts) {
            people.disable(&tenant, person);
        }
        // People of other tenants are in no group here, but whoever is disabled counts nowhere.
        for other in store.user_tenants()? {
            if other == tenant {
                continue;
            }
            let mut acts = BTreeMap::new();
            for user in store.users(&other)? {
                // As `Runtime` calls whoever answers under this login.
                let person = people.name_of(&user.login).to_owned();
                *acts.entry(person).or_insert(false) |= user.disabled.is_none();
            }
            for (person, _) in acts.iter().filter(|(_, acts)| !**acts) {
                people.disable(&other, person);
            }
        }
        self.runtime().set_people(people);
        Ok(())
    }
}
