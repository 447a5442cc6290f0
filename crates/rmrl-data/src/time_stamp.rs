//! When something was recorded.

use std::sync::OnceLock;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The keys of records whose values a clock decides, or that follow from such values. Everything else of two runs of
/// the same seed is the same; comparisons leave these out.
pub const CLOCK_KEYS: [&str; 3] = ["time", "durations_s", "digest"];

/// When something was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeStamp {
    /// Date and time, UTC. It may jump when the machine's clock is set.
    pub utc: Timestamp,
    /// Seconds since this start of the program, of a clock that never jumps. It begins again when a run is resumed.
    pub monotonic_s: f64,
}

impl TimeStamp {
    /// The present moment.
    pub fn now() -> Self {
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        let began = *BEGAN.get_or_init(Instant::now);
        Self { utc: Timestamp::now(), monotonic_s: began.elapsed().as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_follow_each_other_and_survive_json() {
        let (one, next) = (TimeStamp::now(), TimeStamp::now());
        assert!(next.monotonic_s >= one.monotonic_s && one.monotonic_s >= 0.0);
        let json = serde_json::to_string(&next).unwrap();
        assert!(json.contains("Z\""), "{json}");
        assert_eq!(serde_json::from_str::<TimeStamp>(&json).unwrap(), next);
    }
}
