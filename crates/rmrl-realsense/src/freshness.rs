//! Decides whether a frame was exposed after the call of a capture.
//!
//! A frame needs time from its exposure until it is read out, sent, paired and queued. So a frame that arrives after
//! the call may show the scene before it. The queue is emptied at the call; of the frames after it, the first one is
//! taken that is certainly newer:
//!
//! - With the host's clock ([`Clock::Host`]), the exposure began at most one period before the frame's time. That must
//!   be after the call, with a margin for the difference of the clocks. The time is that of the readout, or with some
//!   drivers that of the middle of the exposure; both are late enough.
//! - With another clock ([`Clock::Unrelated`]: the camera's own clock, or the time of arrival), frames are counted by
//!   their numbers. The host's clock is checked as well, because after a pause of this process a whole queue of old
//!   frames arrives at once.
//! - In a recording ([`Clock::Recording`]) the next frame counts.

use std::time::Duration;

/// The clock of a frame's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The camera's clock, converted to the host's (`RS2_TIMESTAMP_DOMAIN_GLOBAL_TIME`).
    Host,
    /// A clock that cannot be compared with the call, or a time that is not the exposure's.
    Unrelated,
    /// The clock of a recording.
    Recording,
}

/// The time and number of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stamp {
    /// The clock of the time.
    pub clock: Clock,
    /// The time of the readout or of the exposure, in milliseconds; since 1970 for [`Clock::Host`].
    pub time_ms: f64,
    /// The frame's number; two frames of a stream with the same number are the same frame.
    pub number: u64,
}

/// Decides which frames of one capture are fresh.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    called_ms: f64,
    period: Duration,
    color: Arrivals,
    depth: Arrivals,
}

/// The frames of a stream that have arrived since the call.
#[derive(Debug, Clone, Copy, Default)]
struct Arrivals {
    last: Option<u64>,
    count: u32,
}

/// The largest difference between the camera's clock and the host's after librealsense's conversion, in
/// milliseconds: it claims a few.
const CLOCK_MARGIN_MS: f64 = 5.0;

/// The most frames in transit at the call. The vendor and users measured up to 140 ms between an event and its
/// display on a screen, at 30 frames per second: 4.2 periods, including the screen's delay. (librealsense's issues
/// 1242 and 4955.)
const FRAMES_IN_TRANSIT: u32 = 5;

impl Freshness {
    /// Begins a capture that was called at `called_ms` (milliseconds since 1970), of streams with this period.
    pub fn new(called_ms: f64, period: Duration) -> Self {
        Self { called_ms, period, color: Arrivals::default(), depth: Arrivals::default() }
    }

    /// Whether both frames of a pair, which arrived `elapsed` after the call, were exposed after it.
    ///
    /// Call it for all pairs in the order of their arrival. Each frame is judged separately: if a stream has stalled,
    /// librealsense pairs its last frame again.
    pub fn admits(&mut self, elapsed: Duration, color: Stamp, depth: Stamp) -> bool {
        self.color.count(color.number);
        self.depth.count(depth.number);
        self.is_fresh(elapsed, color, self.color) && self.is_fresh(elapsed, depth, self.depth)
    }

    fn is_fresh(&self, elapsed: Duration, stamp: Stamp, arrivals: Arrivals) -> bool {
        let now_ms = self.called_ms + elapsed.as_secs_f64() * 1000.0;
        match stamp.clock {
            Clock::Host if stamp.time_ms <= now_ms + CLOCK_MARGIN_MS => {
                let period_ms = self.period.as_secs_f64() * 1000.0;
                stamp.time_ms - period_ms - CLOCK_MARGIN_MS >= self.called_ms
            }
            // A clock ahead of the host's is not the host's.
            Clock::Host | Clock::Unrelated => {
                arrivals.count > FRAMES_IN_TRANSIT && elapsed >= self.period * FRAMES_IN_TRANSIT
            }
            Clock::Recording => true,
        }
    }
}

impl Arrivals {
    fn count(&mut self, number: u64) {
        if self.last != Some(number) {
            self.last = Some(number);
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CALLED_MS: f64 = 1_800_000_000_000.0;
    const PERIOD: Duration = Duration::from_millis(40);

    fn after(frames: u32) -> Duration {
        PERIOD * frames
    }

    fn stamp(clock: Clock, time_ms: f64, number: u64) -> Stamp {
        Stamp { clock, time_ms, number }
    }

    #[test]
    fn with_the_hosts_clock_the_exposure_began_after_the_call() {
        let admits = |color_ms: f64, depth_ms: f64| {
            Freshness::new(CALLED_MS, PERIOD).admits(
                after(2),
                stamp(Clock::Host, CALLED_MS + color_ms, 7),
                stamp(Clock::Host, CALLED_MS + depth_ms, 7),
            )
        };
        assert!(!admits(-100.0, -100.0));
        assert!(!admits(44.0, 60.0), "the color's exposure may have begun before the call");
        assert!(!admits(60.0, 44.0), "the depth's exposure may have begun before the call");
        assert!(admits(45.0, 60.0));
        assert!(!admits(60.0, 86.0), "a time in the future");
    }

    #[test]
    fn with_another_clock_frames_in_transit_are_skipped() {
        for clock_ms in [0.0, CALLED_MS + 1e9] {
            let mut freshness = Freshness::new(CALLED_MS, PERIOD);
            let pair = |n: u64| stamp(Clock::Unrelated, clock_ms, n);
            for n in 1..=5 {
                assert!(!freshness.admits(after(n), pair(n.into()), pair(n.into())), "{n}");
            }
            assert!(freshness.admits(after(6), pair(6), pair(6)));
        }
    }

    #[test]
    fn a_repeated_frame_counts_once() {
        let mut freshness = Freshness::new(CALLED_MS, PERIOD);
        let pair = |n: u64| stamp(Clock::Unrelated, 0.0, n);
        // Depth continues while color stalls.
        for n in 1..20 {
            assert!(!freshness.admits(after(n), pair(3), pair(n.into())), "{n}");
        }
    }

    #[test]
    fn a_queue_that_arrives_at_once_is_not_fresh() {
        let mut freshness = Freshness::new(CALLED_MS, PERIOD);
        let pair = |n: u64| stamp(Clock::Unrelated, 0.0, n);
        for n in 1..20 {
            assert!(!freshness.admits(Duration::from_millis(n), pair(n), pair(n)), "{n}");
        }
        assert!(freshness.admits(after(5), pair(20), pair(20)));
    }

    #[test]
    fn the_clocks_of_the_streams_may_differ() {
        let mut freshness = Freshness::new(CALLED_MS, PERIOD);
        for n in 1..=6 {
            let color = stamp(Clock::Host, CALLED_MS + 40.0 * f64::from(n), n.into());
            let depth = stamp(Clock::Unrelated, 0.0, n.into());
            assert_eq!(freshness.admits(after(n), color, depth), n == 6, "{n}");
        }
    }

    #[test]
    fn in_a_recording_the_next_frame_counts() {
        let next = stamp(Clock::Recording, 0.0, 3);
        assert!(Freshness::new(CALLED_MS, PERIOD).admits(Duration::ZERO, next, next));
    }

    proptest! {
        /// For a camera whose frames are exposed for up to a period and arrive up to 5 periods after their exposure
        /// began: an admitted frame was exposed after the call, with either clock.
        #[test]
        fn no_admitted_frame_was_exposed_before_the_call(
            phase_ms in 0.0..40.0_f64,
            exposure_ms in 1.0..40.0_f64,
            latency_ms in 0.0..159.0_f64,
            clock_error_ms in -5.0..5.0_f64,
            host in any::<bool>(),
        ) {
            let mut freshness = Freshness::new(CALLED_MS, PERIOD);
            let mut admitted = None;
            for n in 0..20_u32 {
                let exposed_ms = phase_ms + 40.0 * (f64::from(n) - 10.0);
                let left_ms = exposed_ms + exposure_ms;
                let arrives_ms = left_ms + latency_ms;
                if arrives_ms < 0.0 {
                    continue;
                }
                let (clock, time_ms) = if host {
                    (Clock::Host, CALLED_MS + left_ms + clock_error_ms)
                } else {
                    (Clock::Unrelated, left_ms)
                };
                let frame = stamp(clock, time_ms, n.into());
                let elapsed = Duration::from_secs_f64(arrives_ms / 1000.0);
                if freshness.admits(elapsed, frame, frame) {
                    admitted = Some(exposed_ms);
                    break;
                }
            }
            prop_assert!(admitted.is_some_and(|exposed_ms| exposed_ms >= -1e-3), "{admitted:?}");
        }
    }
}
