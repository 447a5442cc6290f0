//! Sites: the places between which plates are moved, and how the tool enters and leaves them.
//!
//! - `site_config`: a site's configuration, `[sites.NAME]`, with its slots
//! - `passage`: the straight lines on which the tool enters a slot and leaves it again
//! - `site_manipulator`: arm and gripper on these lines, and between sites
//! - `site_camera`: the camera over sites

mod passage;
mod site_camera;
mod site_config;
mod site_manipulator;

pub use passage::{Line, Passage, Purpose};
pub use site_camera::SiteCamera;
pub use site_config::{Access, SiteConfig, Slot, SlotError, Slots};
pub use site_manipulator::{Followed, SiteManipulator};
