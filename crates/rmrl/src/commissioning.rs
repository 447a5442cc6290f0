//! Setting up a real cell.

pub(crate) mod doctor;
pub(crate) mod teach;
