//! The layout of reports.

/// The shortest report, in bytes: joints, pose and torques (port 30003 of firmware before 1.5).
pub(super) const SHORTEST_REPORT: usize = 87;

/// The longest accepted report, in bytes. The rich report of firmware 2.5 has 587 bytes. The report of port
/// 30000, which is not read here, has 804.
pub const LONGEST_REPORT: usize = 1024;

/// Lengths of the reports that are written here, in bytes, their own length included.
pub(super) const REAL_LENGTH: usize = 135;
pub(super) const NORMAL_LENGTH: usize = 145;
pub(super) const RICH_LENGTH: usize = 587;

/// The offsets of the parts of a rich report that are read here.
pub(super) const VERSION_AT: usize = 151;
pub(super) const SERVOS_AT: usize = 229;
pub(super) const TEMPERATURES_AT: usize = 245;
pub(super) const SPEEDS_AT: usize = 252;
pub(super) const COUNTER_AT: usize = 284;
pub(super) const BASE_OFFSET_AT: usize = 288;
pub(super) const SIMULATED_AT: usize = 314;
/// The byte of the simulated robot is only valid in reports of at least this length, in bytes, as in the
/// vendor's software.
pub(super) const SIMULATED_FROM: usize = 417;
pub(super) const REDUCED_AT: usize = 495;
pub(super) const FENCE_AT: usize = 572;
