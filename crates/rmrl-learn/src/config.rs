//! What a policy is made of and how it learns, as configurations spell it: one file for each section.

mod device;
mod encoder;
mod online;
mod ood;
mod policy;
mod schedule;

pub use self::device::ComputeDevice;
pub use self::encoder::{EncoderConfig, EncoderWeights};
pub use self::online::OnlineConfig;
pub use self::ood::OodConfig;
pub use self::policy::{PolicyConfig, ViewName};
pub(crate) use self::schedule::MAX_REFINEMENTS;
pub use self::schedule::{Grouping, ScheduleConfig};
