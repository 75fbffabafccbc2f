//! What a Python program asks for beyond the policies.

use std::sync::Arc;

use interlock_core::model::Effect;
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::Profile;
use interlock_runtime::{Asks, Floor, RiskFloor};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::error::configuration;

/// Patterns of one list.
const PATTERNS_MAX: usize = 1_000;
/// Bytes of a pattern, and of the sentence that says why.
const TEXT_BYTES_MAX: usize = 1_024;

/// A floor under decisions: compiled once, given with each check. It only tightens.
#[pyclass(frozen, name = "Floor", module = "interlock._core")]
#[derive(Debug)]
pub(crate) struct PyFloor(pub(crate) Arc<Floor>);

#[pymethods]
impl PyFloor {
    #[new]
    #[pyo3(signature = (
        *, allowed_actions=None, allowed_resources=None, blocked_resources=None,
        actions_per_minute=None, risk_max=None, risk=vec![], asks=None,
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the fields of a floor, by keyword"
    )]
    fn new(
        py: Python<'_>,
        allowed_actions: Option<Vec<String>>,
        allowed_resources: Option<Vec<String>>,
        blocked_resources: Option<Vec<String>>,
        actions_per_minute: Option<i64>,
        risk_max: Option<u8>,
        risk: Vec<(u8, String)>,
        asks: Option<(String, String)>,
    ) -> PyResult<Self> {
        let globs = |field: &str, patterns: Vec<String>| {
            if patterns.len() > PATTERNS_MAX {
                return Err(configuration(
                    py,
                    format!(
                        "`{field}` has {} patterns, the limit is {PATTERNS_MAX}",
                        patterns.len()
                    ),
                    "config.invalid",
                ));
            }
            if let Some(long) = patterns.iter().find(|p| p.len() > TEXT_BYTES_MAX) {
                return Err(configuration(
                    py,
                    format!(
                        "a pattern of `{field}` has {} bytes, the limit is {TEXT_BYTES_MAX}",
                        long.len()
                    ),
                    "config.invalid",
                ));
            }
            Ok(patterns.iter().map(|p| Glob::new(p)).collect::<Vec<_>>())
        };
        let effect = |name: &str| {
            Effect::from_name(name).ok_or_else(|| {
                configuration(py, format!("`{name}` is no effect"), "config.invalid")
            })
        };
        let optional = |field, patterns: Option<Vec<String>>| {
            patterns.map(|patterns| globs(field, patterns)).transpose()
        };
        let risk = risk
            .into_iter()
            .take(Effect::ALL.len())
            .map(|(from, name)| {
                let effect = effect(&name)?;
                Ok::<_, PyErr>(RiskFloor { from, effect })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let asks = asks
            .map(|(name, why)| {
                let why = why.chars().take(TEXT_BYTES_MAX / 4).collect();
                Ok::<_, PyErr>(Asks {
                    effect: effect(&name)?,
                    why,
                })
            })
            .transpose()?;
        Ok(Self(Arc::new(Floor {
            profile: Profile {
                allowed_actions: optional("allowed_actions", allowed_actions)?,
                allowed_resources: optional("allowed_resources", allowed_resources)?,
                blocked_resources: optional("blocked_resources", blocked_resources)?
                    .unwrap_or_default(),
                actions_per_minute,
                risk_max,
                ..Profile::default()
            },
            risk,
            asks,
        })))
    }

    /// What makes the same floor in another process.
    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let Floor {
            profile,
            risk,
            asks,
        } = &*self.0;
        let patterns = |globs: &[Glob]| {
            let globs = globs.iter().map(|glob| glob.pattern().to_owned());
            globs.collect::<Vec<_>>()
        };
        let fields = PyDict::new(py);
        fields.set_item(
            "allowed_actions",
            profile.allowed_actions.as_deref().map(patterns),
        )?;
        fields.set_item(
            "allowed_resources",
            profile.allowed_resources.as_deref().map(patterns),
        )?;
        fields.set_item("blocked_resources", patterns(&profile.blocked_resources))?;
        fields.set_item("actions_per_minute", profile.actions_per_minute)?;
        fields.set_item("risk_max", profile.risk_max)?;
        let tiers: Vec<_> = risk.iter().map(|r| (r.from, r.effect.name())).collect();
        fields.set_item("risk", tiers)?;
        let asks = asks.as_ref().map(|a| (a.effect.name(), a.why.as_str()));
        fields.set_item("asks", asks)?;
        Ok((PyTuple::empty(py), fields))
    }

    /// This floor, and at least `effect` whatever the action is, because of `why`.
    fn asking(&self, py: Python<'_>, effect: &str, why: &str) -> PyResult<Self> {
        let Some(effect) = Effect::from_name(effect) else {
            return Err(configuration(
                py,
                format!("`{effect}` is no effect"),
                "config.invalid",
            ));
        };
        let mut floor = (*self.0).clone();
        floor.asks = Some(Asks {
            effect,
            why: why.chars().take(TEXT_BYTES_MAX / 4).collect(),
        });
        Ok(Self(Arc::new(floor)))
    }
}
