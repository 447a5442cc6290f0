//! People and limits around a run.
//!
//! - [`supervisor`]: between two attempts, pauses or ends a run and asks its operator; [`waiting`]: for
//!   what it waits
//! - [`run_page`]: the operator's page of a run; [`frame_painter`]: its images
//! - [`attended`]: runs that a program makes and follows, with all of this around them
//! - [`notify`]: messages to people elsewhere
//! - [`supervised`]: a run with all of them, for programs that are no command

pub(crate) mod attended;
mod frame_painter;
pub(crate) mod notify;
pub(crate) mod run_page;
pub(crate) mod supervised;
pub(crate) mod supervisor;
mod waiting;
