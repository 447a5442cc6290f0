//! A client without any knowledge of the controller, and the bytes of its requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nalgebra::Isometry3;
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{EmulatedController, EmulatorConfig, Pace, RunningEmulator};

use crate::kinematic_plant::KinematicPlant;

pub const PATIENCE: Duration = Duration::from_secs(10);

pub const ERROR: u8 = 0x40;
pub const WARNING: u8 = 0x20;
pub const NOT_READY: u8 = 0x10;
pub const INVALID: u8 = 0x08;

/// A client without any knowledge.
pub struct Raw {
    pub running: RunningEmulator,
    pub stream: TcpStream,
    transaction: u16,
}

impl Raw {
    pub fn new(config: EmulatorConfig) -> Self {
        let plant = KinematicPlant::new(PlanarPose::new(0.35, 0.1, 0.0));
        let running = EmulatedController::start(config, plant.plant()).unwrap();
        let stream = TcpStream::connect(running.addresses().unwrap().control).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { running, stream, transaction: 0 }
    }

    /// With power and the plant's tool, in a mode. The tool is at 300, 0, 200.
    pub fn ready(config: EmulatorConfig, mode: u8) -> Self {
        let mut raw = Self::new(config);
        raw.ask(35, &bytes(&[0.0, 0.0, 150.0, 0.0, 0.0, 0.0]));
        raw.recover(mode);
        raw
    }

    pub fn recover(&mut self, mode: u8) {
        for (register, parameters) in
            [(16, vec![]), (17, vec![]), (11, vec![8, 1]), (19, vec![mode]), (12, vec![0])]
        {
            self.ask(register, &parameters);
        }
        assert_eq!(self.state(), 2);
    }

    pub fn exchange(&mut self, protocol: u16, body: &[u8]) -> Vec<u8> {
        self.transaction += 1;
        let mut frame = Vec::new();
        for number in [self.transaction, protocol, body.len() as u16] {
            frame.extend(number.to_be_bytes());
        }
        frame.extend(body);
        self.stream.write_all(&frame).unwrap();
        let mut head = [0; 6];
        self.stream.read_exact(&mut head).unwrap();
        assert_eq!(head[..4], frame[..4]);
        let mut answer = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]]))];
        self.stream.read_exact(&mut answer).unwrap();
        answer
    }

    /// The status of the answer, and its data.
    pub fn ask(&mut self, register: u8, parameters: &[u8]) -> (u8, Vec<u8>) {
        let answer = self.exchange(2, &[&[register], parameters].concat());
        assert_eq!(answer[0], register);
        (answer[1], answer[2..].to_vec())
    }

    pub fn state(&mut self) -> u8 {
        self.ask(13, &[]).1[0]
    }

    pub fn errors(&mut self) -> [u8; 2] {
        self.ask(15, &[]).1.try_into().unwrap()
    }

    pub fn pose(&mut self) -> Vec<f32> {
        floats(&self.ask(41, &[]).1)
    }

    pub fn joints(&mut self) -> Vec<f32> {
        floats(&self.ask(42, &[]).1)
    }

    /// Waits until nothing moves.
    pub fn rests(&mut self) {
        let until = Instant::now() + PATIENCE;
        while self.state() == 1 {
            assert!(Instant::now() < until, "it still moves");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Moves the tool in a straight line, pointing down.
    pub fn line(&mut self, x: f32, y: f32, z: f32) {
        let (status, _) = self.ask(21, &line([x, y, z, PI, 0.0, 0.0]));
        assert_eq!(status, 0);
        self.rests();
        assert_eq!(self.errors()[0], 0);
    }
}

pub const PI: f32 = std::f32::consts::PI;

pub fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// A line of firmware 1.11.100 and newer, at 200 mm/s.
pub fn line(pose: [f32; 6]) -> Vec<u8> {
    [bytes(&pose), bytes(&[200.0, 2000.0, 0.0, -1.0]), vec![0, 0, 0]].concat()
}

/// Six joints at 1 rad/s.
pub fn joint_motion(joints: [f32; 6]) -> Vec<u8> {
    [bytes(&joints), bytes(&[0.0, 1.0, 10.0, 0.0])].concat()
}

pub fn circle(points: [[f32; 3]; 2], percent: f32) -> Vec<u8> {
    let pose = |[x, y, z]: [f32; 3]| bytes(&[x, y, z, PI, 0.0, 0.0]);
    let motion = bytes(&[200.0, 2000.0, 0.0, percent]);
    [pose(points[0]), pose(points[1]), motion, vec![0, 0, 0]].concat()
}

pub fn quick() -> EmulatorConfig {
    EmulatorConfig {
        flange_from_tool: Isometry3::translation(0.0, 0.0, 0.15),
        ..EmulatorConfig::default()
    }
}

/// In real time, with a fine resolution.
pub fn real_time() -> EmulatorConfig {
    EmulatorConfig { pace: Pace::Times(1.0), segment_secs: 0.005, ..quick() }
}

pub fn near(got: &[f32], expected: &[f32], tolerance: f32) {
    let apart = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart <= tolerance, "{got:?} instead of {expected:?}");
}
