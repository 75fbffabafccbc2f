//! Content on its way into the vault, on the thread that writes.

use super::Durability;
use super::error::JournalError;
use super::queue::Item;
use super::writer::Writer;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Writer {
    /// Puts the content of the items into the vault, and what commits to it into their bodies.
    ///
    /// Before anything of the batch is staged, so that a vault that fails costs those entries and
    /// no others: the journal goes on taking what has no content.
    pub(super) fn seal(&self, items: Vec<Item>) -> Vec<Item> {
        let Some(vault) = self.shared.vault.get() else {
            return items;
        };
        if items.iter().all(|item| item.content.is_none()) {
            return items;
        }
        let mut taken = Vec::with_capacity(items.len());
        let mut sealed = Vec::new();
        for mut item in items {
            let Some(content) = item.content.take() else {
                taken.push(item);
                continue;
            };
            let put = match catch_unwind(AssertUnwindSafe(content.make)) {
                Ok(content) => vault
                    .stage_content(&content, &mut item.body)
                    .map_err(|e| JournalError::content(&e)),
                Err(_) => Err(JournalError::Body("its content could not be made")),
            };
            match put {
                Ok(()) => {
                    sealed.push(taken.len());
                    taken.push(item);
                }
                Err(error) => item.done.answer(Err(error)),
            }
        }
        let kept = vault.flush().and_then(|()| {
            if self.shared.options.durability == Durability::Strict {
                vault.sync()?;
            }
            Ok(())
        });
        if let Err(error) = kept {
            tracing::error!(%error, "the vault takes no content; what has any is denied");
            let error = JournalError::content(&error);
            // From the end, so that the places before stay.
            for place in sealed.into_iter().rev() {
                let refused = taken.remove(place);
                refused.done.answer(Err(error.clone()));
            }
        }
        taken
    }
}
