//! People and limits around a run.

pub(crate) mod notify;
pub(crate) mod run_page;
pub(crate) mod supervisor;
