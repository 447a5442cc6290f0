//! Sites: the places between which plates are moved, and how the tool enters and leaves them.
//!
//! - `site_config`: a site's configuration, `[sites.NAME]`, with its slots
//! - `passage`: the straight lines on which the tool enters a slot and leaves it again

mod passage;
mod site_config;

pub use passage::{Line, Passage, Purpose};
pub use site_config::{Access, SiteConfig, Slot, SlotError, Slots};
