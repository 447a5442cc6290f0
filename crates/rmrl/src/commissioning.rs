//! Commissioning a real cell.
//!
//! - `doctor` checks each device and file that a run needs.
//! - `site_survey` proves that the arm reaches every site, and that its ways are clear.
//! - `teach` makes configuration values of poses that the arm or the camera shows.

pub(crate) mod doctor;
pub(crate) mod site_survey;
pub(crate) mod teach;
