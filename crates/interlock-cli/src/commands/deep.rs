//! `--deep-model`: a text classifier from a directory.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use interlock_core::model::Action;
use interlock_core::text::{Channel, flatten};
use interlock_deep::Model;
use interlock_runtime::DeepModel;

/// The classifier as the runtime reads with it.
#[derive(Debug)]
struct Classifier(Model);

impl DeepModel for Classifier {
    fn score_milli(&self, text: &str) -> u16 {
        self.0.score(text).milli
    }

    fn threshold_milli(&self) -> u16 {
        self.0.threshold_milli()
    }

    fn digest(&self) -> &str {
        self.0.digest()
    }
}

/// Loads the model of a directory.
pub(super) fn load(directory: &Path) -> Result<Arc<dyn DeepModel>> {
    let model = Model::load(directory)
        .with_context(|| format!("no deeper model in `{}`", directory.display()))?;
    Ok(Arc::new(Classifier(model)))
}

/// The text of an action that `model` is surest of: its path and probability per mille.
pub(super) fn surest(model: &dyn DeepModel, action: &Action) -> Option<(String, u16)> {
    let (segments, _) = flatten(action);
    segments
        .iter()
        .filter(|s| s.channel != Channel::Resource)
        .map(|s| (s.path.clone(), model.score_milli(&s.text)))
        .max_by_key(|(_, score)| *score)
}
