//! Trying lost devices again.

use std::time::Duration;

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

use crate::{DeviceError, MotionError, StopSwitch};

/// How a device that was lost is tried again. Each wait is twice the one before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct Recovery {
    /// How often the device is tried again before the attempt is given up.
    #[key(at_least = 0, at_most = 8, why = "the waits double")]
    pub retries: u32,
    /// The first wait, in seconds.
    #[key(at_least = 0, at_most = 60)]
    pub first_wait_secs: f64,
}

impl Default for Recovery {
    /// Four retries after 1, 2, 4 and 8 s: a controller or a USB hub is back after some ten seconds. Untuned.
    fn default() -> Self {
        Self { retries: 4, first_wait_secs: 1.0 }
    }
}

impl Recovery {
    /// Calls `attempt` again while the device is lost, a few times. Does not repeat what a device refuses, or any
    /// other error.
    pub(crate) fn retry<T>(
        &self,
        stop: &StopSwitch,
        mut attempt: impl FnMut() -> Result<T, MotionError>,
    ) -> Result<T, MotionError> {
        let mut wait_secs = self.first_wait_secs;
        let mut retries = 0;
        loop {
            match attempt() {
                Err(MotionError::Device(
                    error @ (DeviceError::Disconnected { .. } | DeviceError::TimedOut { .. }),
                )) if retries < self.retries => {
                    tracing::warn!("{error}; trying again in {wait_secs:.1} s");
                    stop.wait(Duration::from_secs_f64(wait_secs))?;
                    retries += 1;
                    wait_secs *= 2.0;
                }
                ended => return ended,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> MotionError {
        DeviceError::Disconnected { device: "camera", reason: "the cable".to_string() }.into()
    }

    fn retried(
        recovery: Recovery,
        answers: Vec<Result<(), MotionError>>,
    ) -> (Result<(), MotionError>, usize) {
        let mut left = answers.into_iter();
        let mut calls = 0;
        let ended = recovery.retry(&StopSwitch::default(), || {
            calls += 1;
            left.next().expect("tried once too often")
        });
        (ended, calls)
    }

    #[test]
    fn a_lost_device_is_tried_again_a_few_times_and_a_refusal_never() {
        let recovery = Recovery { retries: 2, first_wait_secs: 0.001 };
        let refused: MotionError =
            DeviceError::Refused { device: "arm", reason: "no".to_string() }.into();
        let cases = [
            (vec![Ok(())], (Ok(()), 1)),
            (vec![Err(lost()), Ok(())], (Ok(()), 2)),
            (vec![Err(lost()), Err(lost()), Err(lost())], (Err(lost()), 3)),
            (vec![Err(refused.clone())], (Err(refused), 1)),
        ];
        for (answers, expected) in cases {
            assert_eq!(retried(recovery, answers), expected);
        }
    }

    #[test]
    fn a_pressed_switch_ends_the_waiting() {
        let stop = StopSwitch::default();
        let recovery = Recovery { retries: 4, first_wait_secs: 60.0 };
        let ended = recovery.retry(&stop, || {
            stop.press("a test");
            Err::<(), _>(lost())
        });
        assert!(matches!(ended, Err(MotionError::Stopped(_))), "{ended:?}");
    }

    #[test]
    fn invalid_values_are_named() {
        let many = Recovery { retries: 9, ..Recovery::default() };
        assert!(many.validate().unwrap_err().to_string().contains("retries is 9"));
        for first_wait_secs in [-1.0, f64::NAN, 61.0] {
            let wrong = Recovery { first_wait_secs, ..Recovery::default() };
            assert!(wrong.validate().unwrap_err().to_string().contains("first_wait_secs"));
        }
        assert_eq!(Recovery::default().validate(), Ok(()));
    }
}
