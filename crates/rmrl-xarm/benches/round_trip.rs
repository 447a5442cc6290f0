//! The time that the driver takes: `cargo bench -p rmrl-xarm`, a few seconds.
//!
//! It measures a question and its answer over the loopback, with the answering thread at the other end, and
//! the codec alone. With a real arm the controller's own time is added.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

#[path = "../tests/loopback/mod.rs"]
mod loopback;

use std::hint::black_box;
use std::time::{Duration, Instant};

use loopback::{answer, command, serve};
use rmrl_xarm::{
    ArmState, Client, Command, FrameReader, LONGEST_REPORT, LineOptions, More, MotionLimits,
    Protocol, Reply, Report, ReportPort, Request,
};

const QUESTIONS: usize = 20_000;
const WARM_UP: usize = 1_000;

fn main() {
    round_trips("state", &Command::GetState);
    round_trips("pose", &Command::GetTcpPose);
    codec();
}

fn round_trips(name: &str, question: &Command) {
    let (address, server) = serve(|mut peer| {
        while let Some(request) = peer.next() {
            let reply = match command(&request) {
                Command::GetTcpPose => Reply::Pose([1.0; 6]),
                _ => Reply::State(ArmState::Ready),
            };
            peer.send(&answer(&request, 0, &reply));
        }
    });
    let mut client = Client::connect(&address, Duration::from_secs(1)).expect("a loopback");
    let mut times_us: Vec<f64> = Vec::with_capacity(QUESTIONS);
    for round in 0..WARM_UP + QUESTIONS {
        let began = Instant::now();
        black_box(client.ask(question).expect("an answer"));
        if round >= WARM_UP {
            times_us.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    drop(client);
    server.join().expect("a server");
    times_us.sort_by(f64::total_cmp);
    let at = |share: f64| times_us[(share * (QUESTIONS - 1) as f64) as usize];
    println!(
        "round trip, {name:<6} median {:>6.1} us, 99 % {:>6.1} us, longest {:>7.1} us",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn codec() {
    const TIMES: usize = 1_000_000;
    let line = Command::MoveLine {
        pose: [310.0, 20.0, 180.0, 3.1, 0.0, 0.5],
        limits: MotionLimits { speed: 100.0, acceleration: 1000.0, time: 0.0 },
        options: Some(LineOptions::default()),
    };
    let (mut out, mut reader) = (Vec::new(), FrameReader::default());
    let began = Instant::now();
    for _ in 0..TIMES {
        out.clear();
        let mut params = Vec::with_capacity(64);
        black_box(&line).encode_params(&mut params);
        let (transaction, protocol) = (1, Protocol::Three);
        let request = Request { transaction, protocol, register: line.register(), params };
        request.encode(&mut out).expect("it fits");
        reader.feed(&out);
        let frame = reader.next_frame().expect("a frame").expect("a frame");
        black_box(frame.to_controller().expect("a request"));
    }
    println!("a line written and read    {:>8.0} ns", nanoseconds(began, TIMES));
    let report = Report {
        state: ArmState::Moving,
        mode: 0,
        commands: 1,
        joints_rad: [0.1; 7],
        pose: [300.0; 6],
        torques_nm: [0.5; 7],
        more: More::Forces { external: [0.0; 6], raw: [0.0; 6] },
    };
    let mut buffer = [0; LONGEST_REPORT];
    let bytes = report.encode(&mut buffer);
    let began = Instant::now();
    for _ in 0..TIMES {
        black_box(Report::decode(ReportPort::Real, black_box(bytes)).expect("a report"));
    }
    println!("a report of 135 bytes read {:>8.0} ns", nanoseconds(began, TIMES));
}

fn nanoseconds(began: Instant, times: usize) -> f64 {
    began.elapsed().as_secs_f64() * 1e9 / times as f64
}
