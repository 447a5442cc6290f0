//! Devices that take the time of what they do, and that fail where they are told to.

use std::panic::panic_any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmrl::rmrl_cell::{
    Arm, Camera, DeviceError, Devices, FirstMotion, Gripper, Operator, ToolPose,
};
use rmrl::rmrl_core::PlanarPose;
use rmrl::rmrl_vision::{CameraModel, RgbdFrame};

/// What happens at a call of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Injected {
    /// The process is killed before the device does anything.
    KillBefore,
    /// It is killed after the device has done it.
    KillAfter,
    /// The device is gone, and has done nothing.
    Lost,
    /// The device has done it, and no answer comes.
    NoAnswer,
    /// The device stands with an error of its own.
    Faulted,
    /// The jaws report the contrary of what they hold.
    WrongStatus,
    /// They measure a width 6 mm too large.
    WrongWidth,
}

/// The payload of a panic that stands for a kill.
pub struct Killed;

/// When it happens, and what it cost.
#[derive(Debug, Default)]
pub struct Control {
    /// At which call from now on, counted down; `None` for never.
    pub at_call: Option<(u32, Injected)>,
    /// How many calls there were since somebody set this to 0.
    pub calls: u32,
    /// Whether it has happened.
    pub has_happened: bool,
    /// The seconds of this thread that the devices took.
    pub device_secs: f64,
}

/// A control that devices and their user share.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Control>>);

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Control> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to happen at this call.
    fn next(&self) -> Option<Injected> {
        let mut control = self.lock();
        control.calls += 1;
        let (left, injected) = control.at_call?;
        if left > 0 {
            control.at_call = Some((left - 1, injected));
            return None;
        }
        control.at_call = None;
        control.has_happened = true;
        Some(injected)
    }

    fn call<T>(
        &self,
        device: &'static str,
        does: impl FnOnce() -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        let injected = self.next();
        match injected {
            Some(Injected::KillBefore) => panic_any(Killed),
            Some(Injected::Lost) => {
                return Err(DeviceError::Disconnected { device, reason: "the cable".to_string() });
            }
            Some(Injected::Faulted) => {
                let (meaning, recovery) = ("injected", "look");
                return Err(DeviceError::Faulted { device, code: 24, meaning, recovery });
            }
            _ => {}
        }
        let began = thread_secs();
        let done = does();
        self.lock().device_secs += thread_secs() - began;
        match injected {
            Some(Injected::KillAfter) => panic_any(Killed),
            Some(Injected::NoAnswer) => Err(DeviceError::TimedOut { device, timeout_secs: 1.0 }),
            _ => done,
        }
    }

    /// These devices under this control.
    pub fn over(&self, devices: Devices) -> Devices {
        let Devices { camera, arm, gripper, operator } = devices;
        Devices {
            camera: Box::new(Controlled { inner: camera, control: self.clone() }),
            arm: Box::new(Controlled { inner: arm, control: self.clone() }),
            gripper: Box::new(Controlled { inner: gripper, control: self.clone() }),
            operator: Box::new(Controlled { inner: operator, control: self.clone() }),
        }
    }
}

/// The processor time of this thread, in seconds.
pub fn thread_secs() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

struct Controlled<T: ?Sized> {
    control: Shared,
    inner: Box<T>,
}

impl Camera for Controlled<dyn Camera> {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        self.control.call("camera", || self.inner.capture())
    }

    fn model(&self) -> CameraModel {
        self.inner.model()
    }
}

impl Arm for Controlled<dyn Arm> {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        self.control.call("arm", || self.inner.move_to(target, speed_m_s))
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        self.inner.pose()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.inner.recover()
    }
}

impl Gripper for Controlled<dyn Gripper> {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.control.call("gripper", || self.inner.open(width_m))
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.control.call("gripper", || self.inner.close())
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        let is_wrong = {
            let control = self.control.lock();
            matches!(control.at_call, Some((0, Injected::WrongStatus)))
        };
        let holds = self.control.call("gripper", || self.inner.holds_object())?;
        Ok(holds != is_wrong)
    }

    fn measured_width_m(&mut self) -> Result<Option<f64>, DeviceError> {
        let is_wrong = {
            let control = self.control.lock();
            matches!(control.at_call, Some((0, Injected::WrongWidth)))
        };
        let width_m = self.control.call("gripper", || self.inner.measured_width_m())?;
        Ok(width_m.map(|width_m| if is_wrong { width_m + 0.006 } else { width_m }))
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.inner.recover()
    }
}

impl Operator for Controlled<dyn Operator> {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        self.inner.permit_motion(motion)
    }

    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError> {
        self.inner.exchange_plate(scene)
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.inner.put_plate_at_target()
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.inner.put_plate_near(pose)
    }

    fn seat_item(&mut self, item: &str, slot: &str) -> Result<(), DeviceError> {
        self.inner.seat_item(item, slot)
    }
}
