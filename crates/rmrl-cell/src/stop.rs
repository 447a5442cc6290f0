//! The stop switch: one press, and nothing in the cell moves any more.
//!
//! - `confirmation`: who pressed the switch, and whether the devices stand

mod confirmation;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

pub use confirmation::{Confirmation, Stopped};

/// What a device does at once when the switch is pressed; an error says why it is not known to stand.
type Callback = dyn Fn(&Stopped) -> Result<(), String> + Send + Sync;

/// Stops a cell from any thread: one handle of many to the same switch, which stays pressed.
///
/// Every motion checks the switch before it begins. A driver that can end a motion under way registers
/// how with [`on_press`](Self::on_press); without one, the motion under way is the last. A device that does
/// not confirm the stop is stopped again in the background until it does ([`confirmation`](Self::confirmation)).
///
/// It is no emergency stop, because it is software. The red button on the controller is one.
#[derive(Clone, Default)]
pub struct StopSwitch {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_pressed: AtomicBool,
    stopped: OnceLock<Stopped>,
    registered: Mutex<Registered>,
}

/// The devices that a press stops, and the switches that it presses.
#[derive(Default)]
struct Registered {
    devices: Vec<Arc<Device>>,
    followers: Vec<StopSwitch>,
    /// Whether a thread stops devices again.
    is_repeating: bool,
}

struct Device {
    name: &'static str,
    stop: Box<Callback>,
    /// The device's last answer; `None` before its first one.
    answer: Mutex<Option<Result<(), String>>>,
}

/// How long a wait may last after the switch was pressed.
const SLICE: Duration = Duration::from_millis(20);

/// The time after which a device that has not confirmed is stopped again.
const AGAIN: Duration = Duration::from_millis(500);

impl StopSwitch {
    /// Presses the switch and stops the registered devices, on this thread. A second press stops them again: a stop
    /// that did not get through may be repeated.
    ///
    /// `by` is who presses; the first one is remembered. Returns whether the devices confirmed. Those that did not
    /// are stopped again in the background, until they do or no handle of the switch is left.
    pub fn press(&self, by: &str) -> Confirmation {
        let stopped = self.shared.stopped.get_or_init(|| Stopped { by: by.to_string() });
        // From here on no motion begins; callbacks end those that have begun.
        let (devices, followers) = {
            let registered = self.shared.registered();
            self.shared.is_pressed.store(true, Ordering::SeqCst);
            (registered.devices.clone(), registered.followers.clone())
        };
        for follower in followers {
            follower.press(&stopped.by);
        }
        for device in devices {
            device.stop(stopped);
        }
        self.repeat();
        self.confirmation()
    }

    /// Calls `stop` whenever the switch is pressed, on the presser's thread; at once if it is
    /// pressed already. `stop` may be called again, also while it runs, until it returns that the device has
    /// confirmed the stop. `device` is the device's name for people, such as `the arm`.
    pub fn on_press(
        &self,
        device: &'static str,
        stop: impl Fn(&Stopped) -> Result<(), String> + Send + Sync + 'static,
    ) {
        let stop = Box::new(stop);
        let device = Arc::new(Device { name: device, stop, answer: Mutex::new(None) });
        let is_pressed = {
            let mut registered = self.shared.registered();
            registered.devices.push(Arc::clone(&device));
            self.shared.is_pressed.load(Ordering::SeqCst)
        };
        if let (true, Some(stopped)) = (is_pressed, self.shared.stopped.get()) {
            device.stop(stopped);
            self.repeat();
        }
    }

    /// Presses `other` whenever this switch is pressed; at once if it is pressed already. The confirmation of its
    /// devices counts here, too.
    pub fn pass_on_to(&self, other: &Self) {
        let is_pressed = {
            let mut registered = self.shared.registered();
            registered.followers.push(other.clone());
            self.shared.is_pressed.load(Ordering::SeqCst)
        };
        if let (true, Some(stopped)) = (is_pressed, self.shared.stopped.get()) {
            other.press(&stopped.by);
        }
    }

    /// Whether the devices have confirmed the stop by now.
    pub fn confirmation(&self) -> Confirmation {
        if !self.is_pressed() {
            return Confirmation::NotPressed;
        }
        let (devices, followers) = {
            let registered = self.shared.registered();
            (registered.devices.clone(), registered.followers.clone())
        };
        let devices = devices.iter().map(|device| device.confirmation());
        let followers = followers.iter().map(Self::confirmation);
        devices.chain(followers).fold(Confirmation::NothingToStop, Confirmation::and)
    }

    /// Waits until the devices have confirmed the stop, `patience` at most. Returns at once where nobody
    /// has pressed the switch.
    pub fn wait_for_confirmation(&self, patience: Duration) -> Confirmation {
        let began = Instant::now();
        loop {
            let confirmation = self.confirmation();
            if !confirmation.is_missing() || began.elapsed() >= patience {
                return confirmation;
            }
            thread::sleep(SLICE);
        }
    }

    /// Whether the switch was pressed.
    pub fn is_pressed(&self) -> bool {
        self.shared.is_pressed.load(Ordering::SeqCst)
    }

    /// Checks before a motion that the switch was not pressed.
    ///
    /// # Errors
    /// The switch was pressed.
    pub fn check(&self) -> Result<(), Stopped> {
        match self.shared.stopped.get() {
            Some(stopped) if self.is_pressed() => Err(stopped.clone()),
            _ => Ok(()),
        }
    }

    /// Waits for `duration`, or until the switch is pressed.
    ///
    /// # Errors
    /// The switch was pressed.
    pub fn wait(&self, duration: Duration) -> Result<(), Stopped> {
        let began = Instant::now();
        loop {
            self.check()?;
            match duration.checked_sub(began.elapsed()) {
                Some(left) if !left.is_zero() => thread::sleep(left.min(SLICE)),
                _ => return Ok(()),
            }
        }
    }

    /// Starts a thread that stops devices again, if one has not confirmed and no such thread runs.
    fn repeat(&self) {
        {
            let mut registered = self.shared.registered();
            if registered.is_repeating || registered.unconfirmed().is_empty() {
                return;
            }
            registered.is_repeating = true;
        }
        let shared = Arc::downgrade(&self.shared);
        let thread = thread::Builder::new().name("stop again".to_string());
        if let Err(error) = thread.spawn(move || stop_again(&shared)) {
            tracing::error!("the stop is not repeated: {error}");
            self.shared.registered().is_repeating = false;
        }
    }
}

impl Shared {
    fn registered(&self) -> MutexGuard<'_, Registered> {
        // Nothing between locking and unlocking can leave half a list.
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registered {
    fn unconfirmed(&self) -> Vec<Arc<Device>> {
        let missing = self.devices.iter().filter(|device| device.confirmation().is_missing());
        missing.cloned().collect()
    }
}

impl Device {
    fn stop(&self, stopped: &Stopped) {
        // One device that fails to stop must not prevent the stop of the next one.
        let answer = catch_unwind(AssertUnwindSafe(|| (self.stop)(stopped)))
            .unwrap_or_else(|_| Err("its driver failed".to_string()));
        // Nothing is logged here: a halted terminal would delay the next device.
        *self.answer() = Some(answer);
    }

    fn confirmation(&self) -> Confirmation {
        let not = |reason: &str| {
            let (device, reason) = (self.name, reason.to_string());
            Confirmation::NotConfirmed { device, reason }
        };
        match &*self.answer() {
            Some(Ok(())) => Confirmation::Confirmed,
            Some(Err(reason)) => not(reason),
            None => not("it has not answered yet"),
        }
    }

    fn answer(&self) -> MutexGuard<'_, Option<Result<(), String>>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops devices again until all have confirmed, or no handle of the switch is left.
fn stop_again(shared: &Weak<Shared>) {
    loop {
        thread::sleep(AGAIN);
        let Some(shared) = shared.upgrade() else { return };
        let Some(stopped) = shared.stopped.get() else { return };
        let missing = {
            let mut registered = shared.registered();
            let missing = registered.unconfirmed();
            registered.is_repeating = !missing.is_empty();
            missing
        };
        if missing.is_empty() {
            return;
        }
        for device in missing {
            device.stop(stopped);
        }
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
    fn every_device_is_stopped_early_or_late_and_whatever_another_does() {
        let stops = Arc::new(AtomicUsize::new(0));
        let switch = StopSwitch::default();
        let count = || {
            let stops = Arc::clone(&stops);
            move |_: &Stopped| {
                stops.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        };
        switch.on_press("a broken one", |_| panic!("no answer"));
        switch.on_press("an arm", count());
        assert_eq!(stops.load(Ordering::Relaxed), 0);
        switch.press("a test");
        assert_eq!(stops.load(Ordering::Relaxed), 1);
        switch.on_press("another", count());
        assert_eq!(stops.load(Ordering::Relaxed), 2);
        switch.press("a test");
        assert_eq!(stops.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_device_may_register_while_it_is_stopped() {
        let (first, second) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let calls = || [&first, &second].map(|calls| calls.load(Ordering::SeqCst));
        let switch = StopSwitch::default();
        let (again, count, count_second) =
            (switch.clone(), Arc::clone(&first), Arc::clone(&second));
        switch.on_press("an arm", move |_| {
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                let count = Arc::clone(&count_second);
                again.on_press("another", move |_| {
                    count.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
            }
            Ok(())
        });
        assert_eq!(calls(), [0, 0]);
        assert_eq!(switch.press("a test"), Confirmation::Confirmed);
        assert_eq!(calls(), [1, 1]);
        assert_eq!(switch.press("a test"), Confirmation::Confirmed);
        assert_eq!(calls(), [2, 2]);
    }

    /// A device that answers only from its `after`-th call on.
    fn reluctant(after: usize) -> (Arc<AtomicUsize>, impl Fn(&Stopped) -> Result<(), String>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let stop = move |_: &Stopped| match counter.fetch_add(1, Ordering::SeqCst) + 1 >= after {
            true => Ok(()),
            false => Err("no link".to_string()),
        };
        (calls, stop)
    }

    /// The switch did not report devices that a stop had not reached, and stopped them once.
    #[test]
    fn a_stop_is_repeated_until_the_device_confirms_it() {
        let switch = StopSwitch::default();
        assert_eq!(switch.confirmation(), Confirmation::NotPressed);
        let (calls, stop) = reluctant(3);
        switch.on_press("the arm", stop);
        switch.on_press("the lamp", |_| Ok(()));
        let pressed = switch.press("a test");
        let reason = "no link".to_string();
        assert_eq!(pressed, Confirmation::NotConfirmed { device: "the arm", reason });
        let message = pressed.to_string();
        assert_eq!(message, "NOT CONFIRMED: press the red button (the arm: no link)");
        assert_eq!(switch.confirmation(), pressed);
        let confirmed = switch.wait_for_confirmation(Duration::from_secs(60));
        assert_eq!(confirmed, Confirmation::Confirmed);
        assert_eq!(calls.load(Ordering::SeqCst), 3);
        // A device that has confirmed is not stopped again.
        thread::sleep(2 * AGAIN);
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_stop_is_passed_on_early_or_late_and_so_is_its_confirmation() {
        let (outer, inner, late) =
            (StopSwitch::default(), StopSwitch::default(), StopSwitch::default());
        let (_, stop) = reluctant(2);
        inner.on_press("the arm", stop);
        outer.pass_on_to(&inner);
        assert!(outer.press("a test").is_missing());
        assert_eq!(inner.check().unwrap_err().by, "a test");
        let confirmed = outer.wait_for_confirmation(Duration::from_secs(60));
        assert_eq!(confirmed, Confirmation::Confirmed);
        late.on_press("another", |_| Err("no link".to_string()));
        outer.pass_on_to(&late);
        assert!(late.is_pressed() && outer.confirmation().is_missing());
        // A follower does not press the switch that it follows.
        let (one, other) = (StopSwitch::default(), StopSwitch::default());
        one.pass_on_to(&other);
        other.press("a test");
        assert!(!one.is_pressed());
        assert_eq!(other.confirmation(), Confirmation::NothingToStop);
    }

    #[test]
    fn a_switch_without_handles_repeats_nothing() {
        let (calls, stop) = reluctant(usize::MAX);
        let switch = StopSwitch::default();
        switch.on_press("the arm", stop);
        switch.press("a test");
        drop(switch);
        thread::sleep(3 * AGAIN);
        let last = calls.load(Ordering::SeqCst);
        assert!(last <= 2, "{last}");
    }

    /// A device that has not answered yet has not confirmed.
    #[test]
    fn a_device_that_hangs_has_not_confirmed() {
        let (release, hangs) = std::sync::mpsc::channel::<()>();
        let hangs = Mutex::new(hangs);
        let switch = StopSwitch::default();
        switch.on_press("the arm", move |_| {
            let _ = hangs.lock().unwrap().recv();
            Ok(())
        });
        let presser = switch.clone();
        let pressing = thread::spawn(move || presser.press("a test"));
        let began = Instant::now();
        while !switch.is_pressed() {
            assert!(began.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(1));
        }
        let message = switch.wait_for_confirmation(Duration::from_millis(50)).to_string();
        assert!(message.contains("NOT CONFIRMED"), "{message}");
        assert!(message.contains("not answered yet"), "{message}");
        drop(release);
        assert_eq!(pressing.join().unwrap(), Confirmation::Confirmed);
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
