//! Starting and stopping the emulated controller.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rmrl_core::InvalidKey;

use super::connections::{Shared, keep_time, listen_tcp, listen_unix, services};
use super::emulator_config::{EmulatorConfig, Pace};
use super::faults::Faults;
use super::keep_outs::{HeldPlate, KeepOutViolation};
use super::plant::Plant;
use super::recording::Recording;
use super::start_error::StartError;

/// The addresses on which a controller listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Requests.
    pub control: SocketAddr,
    /// Reports 5 times a second.
    pub normal: SocketAddr,
    /// Long reports 5 times a second.
    pub rich: SocketAddr,
    /// Short reports 100 times a second.
    pub real: SocketAddr,
    /// Reports 250 times a second, from firmware 2.1.0 on. With older firmware the port closes every
    /// link.
    pub real_time: SocketAddr,
}

/// The emulated controller.
#[derive(Debug)]
pub struct EmulatedController;

impl EmulatedController {
    /// Starts a controller over a plant.
    ///
    /// # Errors
    /// The plant's tool is out of the arm's reach, time would not pass, or a port is not available.
    pub fn start(config: EmulatorConfig, plant: Plant) -> Result<RunningEmulator, StartError> {
        const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let times = if let Pace::Times(times) = config.pace { times } else { 1.0 };
        for (key, value) in [("pace", times), ("segment_secs", config.segment_secs)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(StartError::NotPositive { key, value });
            }
        }
        let faults = Faults::default();
        let pace = config.pace;
        let (tcp, unix) = (config.tcp, config.unix.clone());
        let shared = Arc::new(Shared::new(config, plant, faults.clone())?);
        let mut running = RunningEmulator {
            shared: Arc::clone(&shared),
            faults,
            addresses: None,
            sockets: Vec::new(),
            threads: Vec::new(),
        };
        if let Some(ports) = tcp {
            let mut bound = [SocketAddr::new(HERE, 0); 5];
            for (bound, (port, service)) in bound.iter_mut().zip(services(ports)) {
                let (thread, address) = listen_tcp(&shared, SocketAddr::new(HERE, port), service)?;
                running.threads.push(thread);
                *bound = address;
            }
            let [control, normal, rich, real, real_time] = bound;
            running.addresses = Some(Addresses { control, normal, rich, real, real_time });
        }
        if let Some(unix) = unix {
            for (port, service) in services(unix.ports) {
                let path = unix.folder.join(format!("xarmcontroller_uds_{port}"));
                let thread = listen_unix(&shared, &path, service)?;
                running.threads.push(thread);
                running.sockets.push(path);
            }
        }
        running.threads.push(std::thread::spawn(move || keep_time(&shared, pace)));
        Ok(running)
    }
}

/// A controller that runs until it is dropped.
pub struct RunningEmulator {
    shared: Arc<Shared>,
    faults: Faults,
    addresses: Option<Addresses>,
    sockets: Vec<PathBuf>,
    threads: Vec<JoinHandle<()>>,
}

impl RunningEmulator {
    /// The addresses it listens on; `None` if it listens on no port.
    pub fn addresses(&self) -> Option<Addresses> {
        self.addresses
    }

    /// The schedule of its faults.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What it did so far.
    pub fn recording(&self) -> Recording {
        self.shared.machine().recording.clone()
    }

    /// What came nearer than it may to the keep-outs of its configuration, so far, in order: for each motion, box and part
    /// the nearest place. Empty without keep-outs.
    pub fn violations(&self) -> Vec<KeepOutViolation> {
        self.shared.machine().violations()
    }

    /// A function that returns [`Self::violations`] in another thread.
    pub fn violation_reader(&self) -> impl Fn() -> Vec<KeepOutViolation> + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.machine().violations()
    }

    /// Sets which plate is in the jaws whenever they hold something, in place of
    /// [`KeepOuts::held_plate`](crate::emulator::KeepOuts::held_plate): for a cell with several kinds of labware. Does nothing without keep-outs.
    ///
    /// # Errors
    /// A size is invalid.
    pub fn set_held_plate(&self, plate: Option<HeldPlate>) -> Result<(), InvalidKey> {
        plate.iter().try_for_each(HeldPlate::validate)?;
        if let Some(judge) = &mut self.shared.machine().judge {
            judge.set_held_plate(plate);
        }
        Ok(())
    }

    /// A function that returns [`Self::recording`] in another thread.
    pub fn recorder(&self) -> impl Fn() -> Recording + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.machine().recording.clone()
    }
}

impl Drop for RunningEmulator {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has reported it already.
            let _ = thread.join();
        }
        for socket in &self.sockets {
            // Another program may have removed it.
            let _ = std::fs::remove_file(socket);
        }
    }
}

impl fmt::Debug for RunningEmulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningEmulator")
            .field("addresses", &self.addresses)
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}
