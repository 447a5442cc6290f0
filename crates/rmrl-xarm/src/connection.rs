//! One connection to a controller.
//!
//! - `link`: the bytes; `client`: requests and answers, each with its deadline
//! - `report_stream`: the reports, and how old they are
//! - `claim`: one program at a time has an arm; `robot_check`: whether it is the configured robot
//! - `stop`: stopping an arm without a session

pub(crate) mod claim;
pub(crate) mod client;
pub(crate) mod link;
pub(crate) mod report_stream;
mod robot_check;
pub(crate) mod stop;
