//! The stop switch: one press, and nothing in the cell moves any more.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The switch was pressed. Who pressed it first, for a person to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stopped by {by}")]
pub struct Stopped {
    /// Such as `Ctrl-C` or `the operator page`.
    pub by: String,
}

/// What a device does at once when the switch is pressed.
type Callback = Arc<dyn Fn(&Stopped) + Send + Sync>;

/// Stops a cell from any thread: one handle of many to the same switch, which stays pressed.
///
/// Every motion asks the switch before it begins. A driver that can end a motion under way registers
/// how with [`on_press`](Self::on_press); without one, the motion under way is the last.
///
/// It is no emergency stop: it is software, as all before it. The red button on the controller is one.
#[derive(Clone, Default)]
pub struct StopSwitch {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_pressed: AtomicBool,
    stopped: OnceLock<Stopped>,
    callbacks: Mutex<Vec<Callback>>,
}

/// How long a wait may go on after the switch was pressed.
const SLICE: Duration = Duration::from_millis(20);

impl StopSwitch {
    /// Presses the switch and calls what devices registered, on this thread. Pressed again, calls them
    /// again: a stop that did not get through may be repeated.
    ///
    /// `by` is who presses; the first one is remembered.
    pub fn press(&self, by: &str) {
        let stopped = self.shared.stopped.get_or_init(|| Stopped { by: by.to_string() });
        // From here on no motion begins; callbacks end those that have begun.
        let callbacks = {
            let callbacks = self.callbacks();
            self.shared.is_pressed.store(true, Ordering::SeqCst);
            callbacks.clone()
        };
        for callback in callbacks {
            // One device that fails to stop must not keep the next from it.
            if catch_unwind(AssertUnwindSafe(|| callback(stopped))).is_err() {
                tracing::error!("a device failed to stop: use the red button");
            }
        }
    }

    /// Has `stop` called whenever the switch is pressed, on the presser's thread; at once if it is
    /// pressed already. It may be called again, also while it runs.
    pub fn on_press(&self, stop: impl Fn(&Stopped) + Send + Sync + 'static) {
        let stop: Callback = Arc::new(stop);
        let is_pressed = {
            let mut callbacks = self.callbacks();
            callbacks.push(Arc::clone(&stop));
            self.shared.is_pressed.load(Ordering::SeqCst)
        };
        if let (true, Some(stopped)) = (is_pressed, self.shared.stopped.get()) {
            stop(stopped);
        }
    }

    /// Whether it was pressed.
    pub fn is_pressed(&self) -> bool {
        self.shared.is_pressed.load(Ordering::SeqCst)
    }

    /// Asks before a motion.
    ///
    /// # Errors
    /// The switch was pressed, by whom.
    pub fn check(&self) -> Result<(), Stopped> {
        match self.shared.stopped.get() {
            Some(stopped) if self.is_pressed() => Err(stopped.clone()),
            _ => Ok(()),
        }
    }

    /// Waits, but not longer than for the switch.
    ///
    /// # Errors
    /// The switch was pressed, by whom.
    pub fn wait(&self, duration: Duration) -> Result<(), Stopped> {
        let began = Instant::now();
        loop {
            self.check()?;
            match duration.checked_sub(began.elapsed()) {
                Some(left) if !left.is_zero() => std::thread::sleep(left.min(SLICE)),
                _ => return Ok(()),
            }
        }
    }

    fn callbacks(&self) -> MutexGuard<'_, Vec<Callback>> {
        // Nothing between locking and unlocking can leave half a list.
        self.shared.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StopSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StopSwitch({:?})", self.check())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_pressed_switch_stays_pressed_and_knows_who_was_first() {
        let switch = StopSwitch::default();
        assert_eq!(switch.check(), Ok(()));
        let other = switch.clone();
        other.press("Ctrl-C");
        other.press("the operator page");
        assert!(switch.is_pressed());
        assert_eq!(switch.check().unwrap_err().to_string(), "stopped by Ctrl-C");
    }

    #[test]
    fn every_device_is_told_early_or_late_and_whatever_another_does() {
        let told = Arc::new(AtomicUsize::new(0));
        let switch = StopSwitch::default();
        let count = || {
            let told = Arc::clone(&told);
            move |_: &Stopped| {
                told.fetch_add(1, Ordering::Relaxed);
            }
        };
        switch.on_press(|_| panic!("no answer"));
        switch.on_press(count());
        assert_eq!(told.load(Ordering::Relaxed), 0);
        switch.press("a test");
        assert_eq!(told.load(Ordering::Relaxed), 1);
        switch.on_press(count());
        assert_eq!(told.load(Ordering::Relaxed), 2);
        switch.press("a test");
        assert_eq!(told.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_device_may_register_while_it_is_told() {
        let switch = StopSwitch::default();
        let again = switch.clone();
        switch.on_press(move |_| again.on_press(|_| {}));
        switch.press("a test");
    }

    #[test]
    fn waits_end_with_the_switch() {
        let switch = StopSwitch::default();
        assert_eq!(switch.wait(Duration::from_millis(1)), Ok(()));
        let presser = switch.clone();
        let thread = std::thread::spawn(move || presser.press("a test"));
        assert!(switch.wait(Duration::from_secs(600)).is_err());
        thread.join().unwrap();
    }
}
