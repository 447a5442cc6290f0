//! The stop switch: one press, and nothing in the cell moves any more.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// The switch was pressed. Who pressed it first, for a person to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stopped by {by}")]
pub struct Stopped {
    /// Such as `Ctrl-C` or `the operator page`.
    pub by: String,
}

/// Whether a stop has arrived. Its text is for people, and the same wherever they read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// Nobody has pressed the switch.
    NotPressed,
    /// No device is connected that could be moving.
    NothingToStop,
    /// Every device has confirmed that it stands.
    Confirmed,
    /// A device has not confirmed it. It may still be moving.
    NotConfirmed {
        /// Which one, as it was registered.
        device: &'static str,
        /// Why not, for a person to read.
        reason: String,
    },
}

impl Confirmation {
    /// Whether a device may still be moving after a stop.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NotConfirmed { .. })
    }

    /// What two switches say together: the worse of both.
    fn and(self, other: Self) -> Self {
        let rank = |one: &Self| match one {
            Self::NotPressed => 0,
            Self::NothingToStop => 1,
            Self::Confirmed => 2,
            Self::NotConfirmed { .. } => 3,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

impl fmt::Display for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPressed => f.write_str("nobody has stopped the arm"),
            Self::NothingToStop => f.write_str("this program moves no arm"),
            Self::Confirmed => f.write_str("the arm has confirmed that it stands"),
            Self::NotConfirmed { device, reason } => {
                write!(f, "NOT CONFIRMED: press the red button ({device}: {reason})")
            }
        }
    }
}

/// What a device does at once when the switch is pressed; an error says why it is not known to stand.
type Callback = dyn Fn(&Stopped) -> Result<(), String> + Send + Sync;

/// Stops a cell from any thread: one handle of many to the same switch, which stays pressed.
///
/// Every motion asks the switch before it begins. A driver that can end a motion under way registers
/// how with [`on_press`](Self::on_press); without one, the motion under way is the last. A device that does
/// not confirm the stop is told again in the background until it does ([`confirmation`](Self::confirmation)).
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
    told: Mutex<Told>,
}

/// Whom a press is passed on to.
#[derive(Default)]
struct Told {
    devices: Vec<Arc<Device>>,
    followers: Vec<StopSwitch>,
    /// Whether a thread tells devices again.
    is_repeating: bool,
}

struct Device {
    name: &'static str,
    stop: Box<Callback>,
    /// What it answered last; `None` before its first answer.
    answer: Mutex<Option<Result<(), String>>>,
}

/// How long a wait may go on after the switch was pressed.
const SLICE: Duration = Duration::from_millis(20);

/// How often a device that has not confirmed a stop is told again.
const AGAIN: Duration = Duration::from_millis(500);

impl StopSwitch {
    /// Presses the switch and calls what devices registered, on this thread. Pressed again, calls them
    /// again: a stop that did not get through may be repeated.
    ///
    /// `by` is who presses; the first one is remembered. Returns what the devices answered. Those that did not
    /// confirm are called again in the background, until they do or no handle of the switch is left.
    pub fn press(&self, by: &str) -> Confirmation {
        let stopped = self.shared.stopped.get_or_init(|| Stopped { by: by.to_string() });
        // From here on no motion begins; callbacks end those that have begun.
        let (devices, followers) = {
            let told = self.told();
            self.shared.is_pressed.store(true, Ordering::SeqCst);
            (told.devices.clone(), told.followers.clone())
        };
        for follower in followers {
            follower.press(&stopped.by);
        }
        for device in devices {
            device.tell(stopped);
        }
        self.repeat();
        self.confirmation()
    }

    /// Has `stop` called whenever the switch is pressed, on the presser's thread; at once if it is
    /// pressed already. It may be called again, also while it runs: until it returns that the device has
    /// confirmed the stop. `device` names it to people, such as `the arm`.
    pub fn on_press(
        &self,
        device: &'static str,
        stop: impl Fn(&Stopped) -> Result<(), String> + Send + Sync + 'static,
    ) {
        let stop = Box::new(stop);
        let device = Arc::new(Device { name: device, stop, answer: Mutex::new(None) });
        let is_pressed = {
            let mut told = self.told();
            told.devices.push(Arc::clone(&device));
            self.shared.is_pressed.load(Ordering::SeqCst)
        };
        if let (true, Some(stopped)) = (is_pressed, self.shared.stopped.get()) {
            device.tell(stopped);
            self.repeat();
        }
    }

    /// Has `other` pressed whenever this one is; at once if it is pressed already. What its devices confirm
    /// counts here, too.
    pub fn pass_on_to(&self, other: &Self) {
        let is_pressed = {
            let mut told = self.told();
            told.followers.push(other.clone());
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
            let told = self.told();
            (told.devices.clone(), told.followers.clone())
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
                Some(left) if !left.is_zero() => thread::sleep(left.min(SLICE)),
                _ => return Ok(()),
            }
        }
    }

    /// Has a thread tell devices again, if there is one that has not confirmed and no thread yet.
    fn repeat(&self) {
        {
            let mut told = self.told();
            if told.is_repeating || told.unconfirmed().is_empty() {
                return;
            }
            told.is_repeating = true;
        }
        let shared = Arc::downgrade(&self.shared);
        let thread = thread::Builder::new().name("stop again".to_string());
        if let Err(error) = thread.spawn(move || stop_again(&shared)) {
            tracing::error!("the stop is not repeated: {error}");
            self.told().is_repeating = false;
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.shared.told()
    }
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing between locking and unlocking can leave half a list.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn unconfirmed(&self) -> Vec<Arc<Device>> {
        let missing = self.devices.iter().filter(|device| device.confirmation().is_missing());
        missing.cloned().collect()
    }
}

impl Device {
    fn tell(&self, stopped: &Stopped) {
        // One device that fails to stop must not keep the next from it.
        let answer = catch_unwind(AssertUnwindSafe(|| (self.stop)(stopped)))
            .unwrap_or_else(|_| Err("its driver failed".to_string()));
        // Nothing is logged here: a terminal that is halted would hold up the next device.
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

/// Tells devices again until all have confirmed, or nobody has a handle of the switch any more.
fn stop_again(shared: &Weak<Shared>) {
    loop {
        thread::sleep(AGAIN);
        let Some(shared) = shared.upgrade() else { return };
        let Some(stopped) = shared.stopped.get() else { return };
        let missing = {
            let mut told = shared.told();
            let missing = told.unconfirmed();
            told.is_repeating = !missing.is_empty();
            missing
        };
        if missing.is_empty() {
            return;
        }
        for device in missing {
            device.tell(stopped);
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
    fn every_device_is_told_early_or_late_and_whatever_another_does() {
        let told = Arc::new(AtomicUsize::new(0));
        let switch = StopSwitch::default();
        let count = || {
            let told = Arc::clone(&told);
            move |_: &Stopped| {
                told.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        };
        switch.on_press("a broken one", |_| panic!("no answer"));
        switch.on_press("an arm", count());
        assert_eq!(told.load(Ordering::Relaxed), 0);
        switch.press("a test");
        assert_eq!(told.load(Ordering::Relaxed), 1);
        switch.on_press("another", count());
        assert_eq!(told.load(Ordering::Relaxed), 2);
        switch.press("a test");
        assert_eq!(told.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_device_may_register_while_it_is_told() {
        let switch = StopSwitch::default();
        let again = switch.clone();
        switch.on_press("an arm", move |_| {
            again.on_press("another", |_| Ok(()));
            Ok(())
        });
        assert_eq!(switch.press("a test"), Confirmation::Confirmed);
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

    /// The switch said nothing of devices that did not hear of it, and told them once.
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
        let told = pressed.to_string();
        assert_eq!(told, "NOT CONFIRMED: press the red button (the arm: no link)");
        assert_eq!(switch.confirmation(), pressed);
        let confirmed = switch.wait_for_confirmation(Duration::from_secs(60));
        assert_eq!(confirmed, Confirmation::Confirmed);
        assert_eq!(calls.load(Ordering::SeqCst), 3);
        // Nobody is told again who has confirmed.
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
        // A switch of its own stops nobody else.
        let (one, other) = (StopSwitch::default(), StopSwitch::default());
        one.pass_on_to(&other);
        other.press("a test");
        assert!(!one.is_pressed());
        assert_eq!(other.confirmation(), Confirmation::NothingToStop);
    }

    #[test]
    fn a_switch_that_nobody_has_any_more_repeats_nothing() {
        let (calls, stop) = reluctant(usize::MAX);
        let switch = StopSwitch::default();
        switch.on_press("the arm", stop);
        switch.press("a test");
        drop(switch);
        thread::sleep(3 * AGAIN);
        let last = calls.load(Ordering::SeqCst);
        assert!(last <= 2, "{last}");
    }

    /// The wait for an answer is no answer.
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
        let told = switch.wait_for_confirmation(Duration::from_millis(50)).to_string();
        assert!(told.contains("NOT CONFIRMED") && told.contains("not answered yet"), "{told}");
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
