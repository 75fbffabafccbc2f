//! Numbers that states give to people: one file per country or neighbourhood.

pub(super) mod africa;
pub(super) mod australia;
pub(super) mod belgium;
pub(super) mod canada;
pub(super) mod central_europe;
pub(super) mod east_asia;
pub(super) mod eastern_europe;
pub(super) mod france;
pub(super) mod germany;
pub(super) mod india;
pub(super) mod ireland;
pub(super) mod italy;
pub(super) mod latin_america;
pub(super) mod middle_east;
pub(super) mod netherlands;
pub(super) mod new_zealand;
pub(super) mod nordic;
pub(super) mod poland;
pub(super) mod portugal;
pub(super) mod singapore;
pub(super) mod south_asia;
pub(super) mod spain;
pub(super) mod united_kingdom;
pub(super) mod united_states;
