//! A source of pictures that is lost and found again.

use std::thread;
use std::time::{Duration, Instant};

use rmrl_cell::DeviceError;
use rmrl_vision::RgbdFrame;

/// Streams that are running.
pub trait Source: Send {
    /// The next picture that is exposed after the call.
    ///
    /// # Errors
    /// The camera is gone, gave no picture in time, or gave one that is none.
    fn next_picture(&mut self) -> Result<RgbdFrame, DeviceError>;
}

/// Opens a source anew.
pub type Open<S> = Box<dyn FnMut() -> Result<S, DeviceError> + Send>;

/// A source that is closed by every fault and opened again by the next capture.
///
/// Lost or stalled streams do not come back by themselves, and half a fault is worse than a whole one:
/// whatever went wrong is reported once, as what it was, and the capture after it begins from anew.
pub struct Reconnecting<S> {
    open: Open<S>,
    source: Option<S>,
    patience: Duration,
}

impl<S: Source> Reconnecting<S> {
    /// Opens the source, at once or not at all.
    ///
    /// `patience` bounds how long a later capture tries to open it again.
    ///
    /// # Errors
    /// The source could not be opened.
    pub fn new(mut open: Open<S>, patience: Duration) -> Result<Self, DeviceError> {
        let source = open()?;
        Ok(Self { open, source: Some(source), patience })
    }

    /// The next picture; opens the source first where a fault has closed it.
    ///
    /// # Errors
    /// What opening or the source said. The source is closed then.
    pub fn next_picture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let mut source = match self.source.take() {
            Some(source) => source,
            None => self.reopen()?,
        };
        let picture = source.next_picture()?;
        self.source = Some(source);
        Ok(picture)
    }

    /// The running source; none between a fault and the next capture.
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
                // What is refused once is refused again.
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

/// How long to wait before the next attempt: longer each time, and not for ever.
#[derive(Debug, Clone)]
struct Backoff {
    next: Duration,
    patience: Duration,
}

/// Long enough not to keep the bus busy.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Short enough that nobody waits much longer than the camera needs.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Backoff {
    fn new(patience: Duration) -> Self {
        Self { next: FIRST_PAUSE, patience }
    }

    /// The pause before the next attempt, `elapsed` after the first; none when patience is at its end.
    /// The last pause is cut short, so that the last attempt is made at the end of patience.
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

    /// What happens to a camera, one entry for each attempt to open it or to take a picture.
    #[derive(Clone, Default)]
    struct Script {
        opening: Arc<Mutex<VecDeque<Result<(), DeviceError>>>>,
        pictures: Arc<Mutex<VecDeque<Result<(), DeviceError>>>>,
    }

    impl Source for Script {
        fn next_picture(&mut self) -> Result<RgbdFrame, DeviceError> {
            self.pictures.lock().unwrap().pop_front().unwrap().map(|()| RgbdFrame {
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
        pictures: impl IntoIterator<Item = Result<(), DeviceError>>,
    ) -> (Script, Open<Script>) {
        let script = Script {
            opening: Arc::new(Mutex::new(opening.into_iter().collect())),
            pictures: Arc::new(Mutex::new(pictures.into_iter().collect())),
        };
        let source = script.clone();
        let open = move || {
            let opening = source.opening.lock().unwrap().pop_front();
            opening.expect("opened once too often").map(|()| source.clone())
        };
        (script, Box::new(open))
    }

    #[test]
    fn a_fault_is_reported_once_and_the_next_capture_opens_again() {
        for fault in [lost(), stalled(), refused()] {
            let (script, open) = script([Ok(()), Ok(())], [Ok(()), Err(fault.clone()), Ok(())]);
            let mut camera = Reconnecting::new(open, Duration::from_secs(5)).unwrap();
            assert!(camera.next_picture().is_ok());
            assert_eq!(camera.next_picture().unwrap_err(), fault);
            assert!(camera.source().is_none());
            assert_eq!(script.opening.lock().unwrap().len(), 1, "not before it is asked for");
            assert!(camera.next_picture().is_ok());
            assert!(camera.source().is_some());
        }
    }

    #[test]
    fn a_camera_that_needs_a_while_is_waited_for() {
        let (_, open) =
            script([Ok(()), Err(lost()), Err(stalled()), Ok(())], [Err(lost()), Ok(())]);
        let mut camera = Reconnecting::new(open, Duration::from_secs(60)).unwrap();
        assert_eq!(camera.next_picture().unwrap_err(), lost());
        assert!(camera.next_picture().is_ok());
    }

    #[test]
    fn a_camera_that_stays_away_is_given_up_and_tried_again_at_the_next_capture() {
        let away = std::iter::repeat_with(|| Err(lost())).take(40);
        let (script, open) = script(std::iter::once(Ok(())).chain(away), [Err(lost()), Ok(())]);
        let mut camera = Reconnecting::new(open, Duration::from_millis(150)).unwrap();
        for _ in 0..3 {
            assert_eq!(camera.next_picture().unwrap_err(), lost());
        }
        *script.opening.lock().unwrap() = VecDeque::from([Ok(())]);
        assert!(camera.next_picture().is_ok());
    }

    #[test]
    fn what_is_refused_is_not_tried_again() {
        let (_, open) = script([Ok(()), Err(refused())], [Err(lost())]);
        let mut camera = Reconnecting::new(open, Duration::from_secs(60)).unwrap();
        assert_eq!(camera.next_picture().unwrap_err(), lost());
        assert_eq!(camera.next_picture().unwrap_err(), refused());
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
        assert_eq!(backoff.pause(Duration::from_secs(9)), None, "an attempt took longer than that");
    }
}
