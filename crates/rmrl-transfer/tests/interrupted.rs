//! Programs that end at any call of a device, disks that are full at any event, and devices that fail: the records never say
//! what is not so.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod common;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use common::{First, Laboratory, cell_over, simulated, stated};
use rmrl_cell::{Arm, Camera, DeviceError, Devices, Gripper, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_inventory::{Disk, Item, LocalDisk, Place};
use rmrl_labware::Library;
use rmrl_transfer::{Ending, LeftAt, Request};
use rmrl_vision::{CameraModel, RgbdFrame};

const FIRST: [First; 1] = [("plate-1", "96-well", false, "bench")];

/// What a device does at the call at which it fails.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fails {
    /// The process ends before it.
    KilledBefore,
    /// The process ends after it.
    KilledAfter,
    /// It is lost before it.
    Lost,
    /// It answers with an error after it.
    NoAnswer,
}

/// The end of a process.
struct Killed;

/// Devices that fail at a call.
#[derive(Clone)]
struct Failing {
    left: Arc<AtomicI64>,
    fails: Fails,
}

impl Failing {
    fn call<T>(&self, does: impl FnOnce() -> Result<T, DeviceError>) -> Result<T, DeviceError> {
        let is_now = self.left.fetch_sub(1, Ordering::SeqCst) == 0;
        let lost = || DeviceError::Disconnected { device: "arm", reason: "a test".to_string() };
        match self.fails {
            Fails::KilledBefore if is_now => panic_any(Killed),
            Fails::Lost if is_now => return Err(lost()),
            _ => {}
        }
        let done = does();
        match self.fails {
            Fails::KilledAfter if is_now => panic_any(Killed),
            Fails::NoAnswer if is_now => Err(lost()),
            _ => done,
        }
    }
}

struct FailingDevice<T: ?Sized>(Failing, Box<T>);

impl Arm for FailingDevice<dyn Arm> {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        self.0.call(|| self.1.move_to(target, speed_m_s))
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        self.1.pose()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.1.recover()
    }
}

impl Gripper for FailingDevice<dyn Gripper> {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.0.call(|| self.1.open(width_m))
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.0.call(|| self.1.close())
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        self.0.call(|| self.1.holds_object())
    }

    fn measured_width_m(&mut self) -> Result<Option<f64>, DeviceError> {
        self.1.measured_width_m()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.1.recover()
    }
}

impl Camera for FailingDevice<dyn Camera> {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        self.0.call(|| self.1.capture())
    }

    fn model(&self) -> CameraModel {
        self.1.model()
    }
}

/// A laboratory that has learned enough to bring its plate to the hotel and back.
fn learned(dir: &Path) -> Laboratory {
    let mut laboratory = Laboratory::new(dir, &FIRST, 7);
    for (from, to) in [("bench", "hotel:1"), ("hotel:1", "bench")] {
        let report = laboratory.transfer(from, to);
        assert_eq!(report.ending, Ending::Done, "{report:?}");
    }
    laboratory
}

/// Copies what a program keeps.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn wrapped(devices: Devices, failing: &Failing) -> Devices {
    Devices {
        camera: Box::new(FailingDevice(failing.clone(), devices.camera)),
        arm: Box::new(FailingDevice(failing.clone(), devices.arm)),
        gripper: Box::new(FailingDevice(failing.clone(), devices.gripper)),
        operator: devices.operator,
    }
}

/// Checks that a plate is where the records say, or in one of the places that they name.
fn assert_records(laboratory: &Laboratory, what: &str) {
    let plate = laboratory.item("plate-1");
    let truly = match (plate.is_held, &plate.slot) {
        (true, _) => "jaws".to_string(),
        (false, Some((slot, _))) => slot.clone(),
        (false, None) => panic!("{what}: it fell"),
    };
    let recorded = laboratory.recorded("plate-1");
    assert!(recorded.split(" or ").any(|place| place == truly), "{what}: {truly}, not {recorded}");
}

/// Lets a device fail at every call of a transfer, one after the other.
fn at_every_call(fails: Fails) {
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<Killed>().is_none() {
            eprintln!("{info}");
        }
    }));
    let kept = tempfile::tempdir().unwrap();
    let start = {
        let laboratory = learned(kept.path());
        laboratory.truth.remember_laboratory()
    };
    // Every other call for each kind of failure; together all of them.
    let first = i64::from(matches!(fails, Fails::KilledAfter | Fails::Lost));
    for call in (first..).step_by(2) {
        let dir = tempfile::tempdir().unwrap();
        copy(kept.path(), dir.path());
        let truth = simulated(&FIRST, 7);
        truth.restore_laboratory(&start).unwrap();
        let failing = Failing { left: Arc::new(AtomicI64::new(call)), fails };
        let devices = wrapped(truth.devices(), &failing);
        let mut cell = cell_over(devices, dir.path(), &FIRST, LocalDisk);
        cell.recover_by(rmrl_cell::Recovery { retries: 0, first_wait_secs: 0.0 });
        let mut laboratory = Laboratory { cell, truth };
        let request = laboratory.request("bench", "hotel:1", false);
        let ended = catch_unwind(AssertUnwindSafe(|| laboratory.cell.transfer(&request)));
        let what = format!("{fails:?} at call {call}");
        let is_killed = ended.is_err();
        if let Ok(ended) = ended {
            let report = ended.unwrap();
            let at = laboratory.recorded("plate-1");
            match &report.ending {
                Ending::Done => assert_eq!(at, "hotel:1", "{what}"),
                Ending::NotDone { at: LeftAt::From, .. } => assert_eq!(at, "bench", "{what}"),
                Ending::NotDone { at: LeftAt::Between, .. } => {
                    assert_eq!(Some(at), report.by_way_of.map(|via| via.to_string()), "{what}");
                }
                Ending::NotDone { at: LeftAt::Jaws, .. } => assert_eq!(at, "jaws", "{what}"),
                Ending::Unknown { .. } => assert!(at.contains(" or "), "{what}: {at}"),
            }
        }
        assert_records(&laboratory, &what);
        // The next program continues from there.
        let Laboratory { cell, truth } = laboratory;
        drop(cell);
        let cell = cell_over(truth.devices(), dir.path(), &FIRST, LocalDisk);
        let mut laboratory = Laboratory { cell, truth };
        assert_records(&laboratory, &format!("{what}, started again"));
        go_on(&mut laboratory, &what);
        if failing.left.load(Ordering::SeqCst) >= 0 {
            assert!(!is_killed && call > 20, "{call}");
            return;
        }
    }
}

/// A person says what is not certain, and the plate is brought to the hotel after all.
fn go_on(laboratory: &mut Laboratory, what: &str) {
    let plate = laboratory.item("plate-1");
    let truly = match plate.slot {
        _ if plate.is_held => Place::Jaws,
        Some((slot, _)) => slot.parse().unwrap(),
        None => panic!("{what}: it fell"),
    };
    let id = "plate-1".parse().unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let inventory = laboratory.cell.inventory_mut();
    if inventory.world().uncertain().is_some() {
        assert!(inventory.check_transfer(&truly, &"reader".parse().unwrap()).is_err());
        inventory.settle(&id, Some(&truly), stated(), now).unwrap();
    }
    let to = if truly.to_string() == "hotel:1" { "bench" } else { "hotel:1" };
    let request = Request::Move { from: truly, to: to.parse().unwrap() };
    let report = laboratory.cell.transfer(&request).unwrap();
    match report.ending {
        Ending::Done => assert_eq!(laboratory.lies("plate-1").0, to, "{what}"),
        // What nobody remembers of a plate between the jaws a person has to put right.
        Ending::NotDone { at: LeftAt::Jaws, .. } => {
            assert_eq!(request.from(), Place::Jaws, "{what}")
        }
        ending => panic!("{what}: {ending}"),
    }
}

#[test]
fn a_program_that_is_killed_before_any_call() {
    at_every_call(Fails::KilledBefore);
}

#[test]
fn a_program_that_is_killed_after_any_call() {
    at_every_call(Fails::KilledAfter);
}

#[test]
fn a_device_that_is_lost_at_any_call() {
    at_every_call(Fails::Lost);
}

#[test]
fn a_device_that_does_not_answer_at_any_call() {
    at_every_call(Fails::NoAnswer);
}

/// A disk that is full after a number of writes.
struct FullAfter(u32);

impl FullAfter {
    fn write(&mut self) -> io::Result<()> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= 1;
        Ok(())
    }
}

impl Disk for FullAfter {
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write()?;
        LocalDisk.append(path, bytes)
    }

    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        LocalDisk.truncate(path, length)
    }

    fn create(&mut self, path: &Path) -> io::Result<()> {
        self.write()?;
        LocalDisk.create(path)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        LocalDisk.remove(path)
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write()?;
        LocalDisk.replace(path, bytes)
    }
}

#[test]
fn a_disk_that_fills_at_any_event_loses_no_plate() {
    let kept = tempfile::tempdir().unwrap();
    let start = learned(kept.path()).truth.remember_laboratory();
    for writes in 0..6 {
        let dir = tempfile::tempdir().unwrap();
        copy(kept.path(), dir.path());
        let truth = simulated(&FIRST, 7);
        truth.restore_laboratory(&start).unwrap();
        let cell = cell_over(truth.devices(), dir.path(), &FIRST, FullAfter(writes));
        let mut laboratory = Laboratory { cell, truth };
        let request = laboratory.request("bench", "hotel:1", false);
        let ended = laboratory.cell.transfer(&request);
        let what = format!("full after {writes} writes");
        match &ended {
            Ok(report) => assert_eq!(report.ending, Ending::Done, "{what}"),
            Err(error) => assert!(error.to_string().contains("journal"), "{what}: {error}"),
        }
        assert_eq!(ended.is_ok(), writes >= 4, "{what}: {ended:?}");
        assert_records(&laboratory, &what);
        // With room again, the next program knows what is certain.
        let Laboratory { cell, truth } = laboratory;
        drop(cell);
        let cell = cell_over(truth.devices(), dir.path(), &FIRST, LocalDisk);
        let mut laboratory = Laboratory { cell, truth };
        assert_records(&laboratory, &what);
        go_on(&mut laboratory, &what);
    }
}

/// Writes down where the arm is sent.
struct Recorded<T: ?Sized>(Arc<Mutex<Vec<ToolPose>>>, Box<T>);

impl Arm for Recorded<dyn Arm> {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        self.0.lock().unwrap().push(target);
        self.1.move_to(target, speed_m_s)
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        self.1.pose()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.1.recover()
    }
}

/// A program that was killed between closing the jaws and the lift once made the next one draw the plate over its shelf: found
/// by the emulator's keep-outs.
#[test]
fn a_plate_that_stands_in_a_hotel_between_closed_jaws_is_lifted_before_it_is_drawn_out() {
    const IN_HOTEL: [First; 1] = [("plate-1", "96-well", false, "hotel:1")];
    let dir = tempfile::tempdir().unwrap();
    let truth = simulated(&IN_HOTEL, 7);
    let grip_m = Library::built_in().get("96-well").unwrap().grip.height_m;
    let at = |y_m: f64, z_m: f64| {
        ToolPose::new(PlanarPose::new(0.26, y_m, -std::f64::consts::FRAC_PI_2), z_m)
    };
    let mut hand = truth.clone();
    hand.open(0.1).unwrap();
    for pose in [at(0.15, 0.22), at(0.15, 0.06 + grip_m), at(0.30, 0.06 + grip_m)] {
        hand.move_to(pose, 0.05).unwrap();
    }
    hand.close().unwrap();
    assert!(hand.holds_object().unwrap());
    let sent = Arc::new(Mutex::new(Vec::new()));
    let devices = truth.devices();
    let devices = Devices { arm: Box::new(Recorded(Arc::clone(&sent), devices.arm)), ..devices };
    let mut cell = cell_over(devices, dir.path(), &IN_HOTEL, LocalDisk);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let plate = Item::new("plate-1".parse().unwrap(), "96-well", false).unwrap();
    let slot = Place::Slot("hotel:1".parse().unwrap());
    cell.inventory_mut().set(slot, Vec::new(), stated(), now).unwrap();
    cell.inventory_mut().set(Place::Jaws, vec![plate], stated(), now).unwrap();
    cell.come_home().unwrap();
    let sent = sent.lock().unwrap();
    let lifted_m = 0.06 + grip_m + 0.004;
    assert!((sent[0].z_m - lifted_m).abs() < 1e-9, "{sent:?}");
    assert!(sent[0].planar.distance_m(at(0.30, 0.0).planar) < 0.002, "straight up: {sent:?}");
    assert!((sent[1].z_m - lifted_m).abs() < 1e-9 && sent[1].planar.y_m < 0.16, "{sent:?}");
    assert!(truth.items().iter().any(|item| item.id == "plate-1" && item.is_held));
}
