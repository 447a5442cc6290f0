//! A source of frames that is opened again after a fault.

use std::thread;
use std::time::{Duration, Instant};

use rmrl_cell::DeviceError;
use rmrl_vision::RgbdFrame;

/// A source of frames that is open.
pub(crate) trait Source: Send {
    /// The next frame that is exposed after the call.
    ///
    /// # Errors
    /// The camera is disconnected, sends no frame in time, or sends an invalid one.
    fn next_frame(&mut self) -> Result<RgbdFrame, DeviceError>;
}

/// Opens the source again.
pub(crate) type Open<S> = Box<dyn FnMut() -> Result<S, DeviceError> + Send>;

/// A source that every fault closes and the next capture opens again.
///
/// Lost or stalled streams do not recover by themselves. So a partially failed source is closed entirely: the fault
/// is reported once, and the next capture opens the source again.
pub(crate) struct Reconnecting<S> {
    open: Open<S>,
    source: Option<S>,
    patience: Duration,
}

impl<S: Source> Reconnecting<S> {
    /// Opens the source, in a single attempt.
    ///
    /// `patience` limits how long a later capture tries to open it again.
    ///
    /// # Errors
    /// The source cannot be opened.
    pub fn new(mut open: Open<S>, patience: Duration) -> Result<Self, DeviceError> {
        let source = open()?;
        Ok(Self { open, source: Some(source), patience })
    }

    /// The next frame; opens the source first if a fault has closed it.
    ///
    /// # Errors
    /// Opening or the source failed. The source is closed then.
    pub fn next_frame(&mut self) -> Result<RgbdFrame, DeviceError> {
        let mut source = match self.source.take() {
            Some(source) => source,
            None => self.reopen()?,
        };
        let frame = source.next_frame()?;
        self.source = Some(source);
        Ok(frame)
    }

    /// The open source; `None` between a fault and the next capture.
    pub fn source(&self) -> Option<&S> {
        self.source.as_ref()
    }

    fn reopen(&mut self) -> Result<S, DeviceError> {
        let began = Instant::now();
        let mut backoff = Backoff::new(self.patience);
        loop {
            let error = match (self.open)() {
                Ok(source) => {
                    tracing::info!(
                        "the camera is back after {:.1} s",
                        began.elapsed().as_secs_f64()
                    );
                    return Ok(source);
                }
                // A refusal will not change.
                Err(error @ (DeviceError::Refused { .. } | DeviceError::Collision { .. })) => {
                    return Err(error);
                }
                Err(error) => error,
            };
            match backoff.pause(began.elapsed()) {
                Some(pause) => thread::sleep(pause),
                None => return Err(error),
            }
        }
    }
}

/// How long to wait before the next attempt: longer each time, until `patience` is over.
#[derive(Debug, Clone)]
struct Backoff {
    next: Duration,
    patience: Duration,
}

/// Long enough to keep the bus free.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Short enough to find the camera soon after it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Backoff {
    fn new(patience: Duration) -> Self {
        Self { next: FIRST_PAUSE, patience }
    }

    /// The pause before the next attempt, `elapsed` after the first; `None` when `patience` is over. The last pause
    /// is shortened, so that the last attempt comes at the end of `patience`.
    fn pause(&mut self, elapsed: Duration) -> Option<Duration> {
        let left = self.patience.checked_sub(elapsed).filter(|left| !left.is_zero())?;
        let pause = self.next.min(left);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use image::RgbImage;
    use rmrl_vision::DepthImage;

    /// The results of a camera, one for each attempt to open it or to get a frame.
    #[derive(Clone, Default)]
    struct Script {
        opening: Arc<Mutex<VecDeque<Result<(), DeviceError>>>>,
        frames: Arc<Mutex<VecDeque<Result<(), DeviceError>>>>,
    }

    impl Source for Script {
        fn next_frame(&mut self) -> Result<RgbdFrame, DeviceError> {
            self.frames.lock().unwrap().pop_front().unwrap().map(|()| RgbdFrame {
                color: Arc::new(RgbImage::new(1, 1)),
                depth: DepthImage::new(1, 1),
            })
        }
    }

    fn lost() -> DeviceError {
        DeviceError::Disconnected { device: "camera", reason: "the cable".to_string() }
    }

    fn stalled() -> DeviceError {
        DeviceError::TimedOut { device: "camera", timeout_secs: 2.0 }
    }

    fn refused() -> DeviceError {
        DeviceError::Refused { device: "camera", reason: "another lens".to_string() }
    }

    fn script(
        opening: impl IntoIterator<Item = Result<(), DeviceError>>,
        frames: impl IntoIterator<Item = Result<(), DeviceError>>,
    ) -> (Script, Open<Script>) {
        let script = Script {
            opening: Arc::new(Mutex::new(opening.into_iter().collect())),
            frames: Arc::new(Mutex::new(frames.into_iter().collect())),
        };
        let source = script.clone();
        let open = move || {
            let opening = source.opening.lock().unwrap().pop_front();
            opening.expect("more attempts to open than expected").map(|()| source.clone())
        };
        (script, Box::new(open))
    }

    #[test]
    fn a_fault_is_reported_once_and_the_next_capture_opens_again() {
        for fault in [lost(), stalled(), refused()] {
            let (script, open) = script([Ok(()), Ok(())], [Ok(()), Err(fault.clone()), Ok(())]);
            let mut camera = Reconnecting::new(open, Duration::from_secs(5)).unwrap();
            assert!(camera.next_frame().is_ok());
            assert_eq!(camera.next_frame().unwrap_err(), fault);
            assert!(camera.source().is_none());
            assert_eq!(script.opening.lock().unwrap().len(), 1, "opened before the next capture");
            assert!(camera.next_frame().is_ok());
            assert!(camera.source().is_some());
        }
    }

    #[test]
    fn a_capture_waits_for_a_camera_to_come_back() {
        let (_, open) =
            script([Ok(()), Err(lost()), Err(stalled()), Ok(())], [Err(lost()), Ok(())]);
        let mut camera = Reconnecting::new(open, Duration::from_secs(60)).unwrap();
        assert_eq!(camera.next_frame().unwrap_err(), lost());
        assert!(camera.next_frame().is_ok());
    }

    #[test]
    fn a_capture_gives_up_and_the_next_one_tries_again() {
        let away = std::iter::repeat_with(|| Err(lost())).take(40);
        let (script, open) = script(std::iter::once(Ok(())).chain(away), [Err(lost()), Ok(())]);
        let mut camera = Reconnecting::new(open, Duration::from_millis(150)).unwrap();
        for _ in 0..3 {
            assert_eq!(camera.next_frame().unwrap_err(), lost());
        }
        *script.opening.lock().unwrap() = VecDeque::from([Ok(())]);
        assert!(camera.next_frame().is_ok());
    }

    #[test]
    fn a_refusal_is_not_tried_again() {
        let (_, open) = script([Ok(()), Err(refused())], [Err(lost())]);
        let mut camera = Reconnecting::new(open, Duration::from_secs(60)).unwrap();
        assert_eq!(camera.next_frame().unwrap_err(), lost());
        assert_eq!(camera.next_frame().unwrap_err(), refused());
    }

    #[test]
    fn the_first_opening_is_not_repeated() {
        let (_, open) = script([Err(lost())], []);
        assert_eq!(Reconnecting::new(open, Duration::from_secs(60)).err(), Some(lost()));
    }

    #[test]
    fn pauses_grow_and_end_with_patience() {
        let mut backoff = Backoff::new(Duration::from_secs(4));
        let mut elapsed = Duration::ZERO;
        let mut pauses_ms = Vec::new();
        while let Some(pause) = backoff.pause(elapsed) {
            elapsed += pause;
            pauses_ms.push(pause.as_millis());
        }
        assert_eq!(pauses_ms, [100, 200, 400, 800, 1000, 1000, 500]);
        assert_eq!(elapsed, Duration::from_secs(4));
        assert_eq!(
            backoff.pause(Duration::from_secs(9)),
            None,
            "an attempt took longer than patience"
        );
    }
}
