//! The bytes of the control port, compared with those of the vendor's own software.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use proptest::prelude::*;
use rmrl_xarm::{
    ALL_JOINTS, ArmState, Command, CommandError, Feedback, FeedbackOutcome, FrameError,
    FrameReader, FromController, HEARTBEAT, LineOptions, MAX_LENGTH, MotionLimits, Protocol,
    ReducedState, Reply, Request, Response, StateChange, Status, TOOL_BUS, ToController,
};

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn request(transaction: u16, protocol: Protocol, command: &Command) -> Vec<u8> {
    let mut params = Vec::new();
    command.encode_params(&mut params);
    let mut out = Vec::new();
    Request { transaction, protocol, register: command.register(), params }
        .encode(&mut out)
        .unwrap();
    out
}

fn rtu(hex: &str) -> Command {
    Command::ModbusRtu { host: TOOL_BUS, frame: bytes(hex) }
}

/// The table of the vendor's manual and software: transaction, protocol, command, bytes.
fn examples() -> Vec<(u16, Protocol, Command, &'static str)> {
    use Protocol::{Three, Two};
    vec![
        (1, Two, Command::GetVersion, "0001 0002 0001 01"),
        (
            5,
            Three,
            Command::MotionEnable { joint: ALL_JOINTS, on: true },
            "0005 0003 0003 0b 08 01",
        ),
        (8, Three, Command::SetState(StateChange::Run), "0008 0003 0002 0c 00"),
        (9, Three, Command::SetState(StateChange::Stop), "0009 0003 0002 0c 04"),
        (9, Three, Command::SetState(StateChange::Pause), "0009 0003 0002 0c 03"),
        (3, Three, Command::CleanError, "0003 0003 0001 10"),
        (4, Three, Command::CleanWarning, "0004 0003 0001 11"),
        (7, Three, Command::SetMode { mode: 0, detection: Some(0) }, "0007 0003 0003 13 00 00"),
        (7, Two, Command::SetMode { mode: 0, detection: None }, "0007 0002 0002 13 00"),
        (2, Two, Command::GetState, "0002 0002 0001 0d"),
        (2, Two, Command::GetCommandCount, "0002 0002 0001 0e"),
        (2, Two, Command::GetErrors, "0002 0002 0001 0f"),
        (2, Two, Command::GetTcpPose, "0002 0002 0001 29"),
        (2, Two, Command::GetJointPositions, "0002 0002 0001 2a"),
        (2, Two, Command::GetTcpPoseAxisAngle, "0002 0002 0001 5b"),
        (
            0x14,
            Two,
            Command::MoveLine {
                pose: [310.0, 20.0, 180.0, std::f32::consts::PI, 0.0, 0.5],
                limits: MotionLimits { speed: 100.0, acceleration: 1000.0, time: 0.0 },
                options: Some(LineOptions::default()),
            },
            "0014 0002 002c 15 00009b43 0000a041 00003443 db0f4940 00000000 0000003f 0000c842 \
             00007a44 00000000 000080bf 00 00 00",
        ),
        (
            0x14,
            Two,
            Command::MoveLine {
                pose: [310.0, 20.0, 180.0, std::f32::consts::PI, 0.0, 0.5],
                limits: MotionLimits { speed: 100.0, acceleration: 1000.0, time: 0.0 },
                options: None,
            },
            "0014 0002 0025 15 00009b43 0000a041 00003443 db0f4940 00000000 0000003f 0000c842 \
             00007a44 00000000",
        ),
        (1, Three, Command::SetCollisionSensitivity(3), "0001 0003 0002 25 03"),
        (1, Three, Command::SetFeedbackType(2), "0001 0003 0002 fe 02"),
        (
            1,
            Three,
            Command::SetBoundary([600, 150, 350, -350, 400, 1]),
            "0001 0003 0019 34 58020000 96000000 5e010000 a2feffff 90010000 01000000",
        ),
        (1, Three, Command::SetFence(true), "0001 0003 0002 3b 01"),
        (1, Three, Command::SetReducedMode(true), "0001 0003 0002 32 01"),
        (1, Three, Command::SetReducedLinearSpeed(250.0), "0001 0003 0005 2f 00007a43"),
        (
            1,
            Three,
            Command::SetTimer { seconds: 9, timer: 1, register: 12, params: [4, 0] },
            "0001 0003 0015 47 09000000 01000000 0c000000 04000000 00000000",
        ),
        (1, Three, Command::SetModbusTimeout(30), "0001 0003 0003 7b 001e"),
        (
            1,
            Three,
            Command::ToolGpioRead { host: TOOL_BUS, address: 0x0a0b },
            "0001 0003 0004 80 09 0a0b",
        ),
        (
            1,
            Three,
            Command::ToolGpioWrite { host: TOOL_BUS, address: 0x1a0b, value: 11.0 },
            "0001 0003 0008 7f 09 1a0b 00003041",
        ),
        (1, Three, rtu("08 06 0100 0001"), "0001 0003 0008 7c 09 08 06 0100 0001"),
        (
            1,
            Three,
            rtu("08 10 0700 0002 04 00000096"),
            "0001 0003 000d 7c 09 08 10 0700 0002 04 00000096",
        ),
    ]
}

#[test]
fn requests_are_the_bytes_that_the_vendors_software_sends() {
    for (transaction, protocol, command, hex) in examples() {
        assert_eq!(request(transaction, protocol, &command), bytes(hex), "{command:?}");
        let mut reader = FrameReader::default();
        assert_eq!(reader.feed(&bytes(hex)), bytes(hex).len());
        let frame = reader.next_frame().unwrap().unwrap();
        let ToController::Request(read) = frame.to_controller().unwrap() else {
            panic!("a heartbeat");
        };
        assert_eq!((read.transaction, read.protocol), (transaction, protocol));
        assert_eq!(Command::decode(read.register, &read.params), Ok(command));
        assert_eq!(reader.next_frame(), Ok(None));
    }
}

#[test]
fn the_lengths_of_motions_are_the_vendors() {
    let limits = MotionLimits { speed: 100.0, acceleration: 1000.0, time: 0.0 };
    for (command, length) in [
        (
            Command::MoveLineAxisAngle {
                pose: [0.0; 6],
                limits,
                in_tool_frame: false,
                relative: true,
            },
            0x27,
        ),
        (Command::MoveJoint { joints: [0.1; 7], limits }, 0x29),
        (
            Command::MoveRelative {
                by: [1.0; 7],
                limits,
                radius_mm: -1.0,
                joints: true,
                axis_angle: false,
            },
            0x2f,
        ),
        (Command::SetTcpOffset([1.0; 6]), 25),
        (Command::SetBaseOffset([1.0; 6]), 25),
        (Command::SetGravityDirection([0.0, 0.0, -1.0]), 13),
        (Command::SetSimulatedRobot(true), 2),
        (Command::SetLoad { mass_kg: 0.6, center_mm: [0.0, 0.0, 60.0] }, 17),
        (Command::SetReducedJointRange([0.5; 14]), 57),
        (Command::GetInverseKinematics([1.0; 6]), 25),
        (Command::GetForwardKinematics([1.0; 7]), 29),
    ] {
        let sent = request(1, Protocol::Three, &command);
        assert_eq!(usize::from(sent[5]), length, "{command:?}");
        assert_eq!(Command::decode(sent[6], &sent[7..]), Ok(command));
    }
}

#[test]
fn answers_are_read_as_they_are_written() {
    let reduced = ReducedState {
        reduced: true,
        boundary_mm: [600, 150, 350, -350, 400, 1],
        linear_speed_mm_s: 250.0,
        joint_speed_rad_s: 1.0,
        joint_range_rad: [0.25; 14],
        fence: true,
        rebound: false,
    };
    let line = Command::MoveLine {
        pose: [0.0; 6],
        limits: MotionLimits { speed: 1.0, acceleration: 1.0, time: 0.0 },
        options: Some(LineOptions::default()),
    };
    for (command, reply, length) in [
        (Command::GetVersion, Reply::Version("6,6,XI1304,AC1304,v2.5.0".into()), 40),
        (Command::GetState, Reply::State(ArmState::Ready), 1),
        (Command::GetCommandCount, Reply::Count(258), 2),
        (Command::GetErrors, Reply::Errors { error: 31, warning: 11 }, 2),
        (Command::GetTcpPose, Reply::Pose([1.0, 2.0, 3.0, 0.1, 0.2, 0.3]), 24),
        (Command::GetJointPositions, Reply::Joints([0.5; 7]), 28),
        (line, Reply::Queued { count: 1, check: 0 }, 3),
        (Command::GetReducedMode, Reply::Flag(true), 1),
        (Command::GetReducedState, Reply::Reduced(reduced), 79),
        (Command::ToolGpioRead { host: TOOL_BUS, address: 0x0a0b }, Reply::Integer(11), 4),
        (rtu("08 83 02"), Reply::Modbus { host: TOOL_BUS, frame: bytes("08 83 02") }, 4),
        (Command::CleanError, Reply::Done, 0),
    ] {
        let mut params = Vec::new();
        reply.encode_params(&mut params);
        assert_eq!(params.len(), length, "{reply:?}");
        assert_eq!(command.decode_reply(&params), Ok(reply));
        if length > 0 && command != Command::GetVersion {
            let (register, short) = (command.register(), &params[..0]);
            let error = CommandError::Length { register, got: 0 };
            assert_eq!(command.decode_reply(short), Err(error));
        }
    }
}

#[test]
fn an_answer_and_its_status() {
    let answer = Response {
        transaction: 0x14,
        protocol: Protocol::Three,
        register: 0x15,
        status: Status(Status::ERROR | Status::NOT_READY),
        params: vec![0, 1, 0],
    };
    let mut out = Vec::new();
    answer.encode(&mut out).unwrap();
    assert_eq!(out, bytes("0014 0003 0005 15 50 0001 00"));
    let mut reader = FrameReader::default();
    reader.feed(&out);
    let read = reader.next_frame().unwrap().unwrap().from_controller().unwrap();
    assert_eq!(read, FromController::Response(answer.clone()));
    let status = answer.status;
    assert!(status.has_error() && !status.has_warning());
    assert!(!status.is_ready() && !status.is_invalid());
}

#[test]
fn feedback_and_the_heartbeat_are_distinguished() {
    let feedback = Feedback {
        transaction: 0x14,
        protocol: Protocol::Three,
        kind: Feedback::MOTION_FINISHED,
        register: 0x15,
        task: 7,
        outcome: FeedbackOutcome::Discarded,
        time_us: 1_000_000,
    };
    let mut out = HEARTBEAT.to_vec();
    feedback.encode(&mut out);
    assert_eq!(out[8 + 8], Feedback::MOTION_FINISHED);
    assert_eq!(out[8 + 12], 2);
    let mut reader = FrameReader::default();
    reader.feed(&out);
    let heartbeat = reader.next_frame().unwrap().unwrap();
    assert_eq!(heartbeat.to_controller(), Ok(ToController::Heartbeat));
    let read = reader.next_frame().unwrap().unwrap();
    assert_eq!(read.from_controller(), Ok(FromController::Feedback(feedback)));
}

#[test]
fn invalid_frames_are_errors() {
    for (hex, error) in [
        ("0001 0002 0401 01", FrameError::TooLong { got: MAX_LENGTH + 1 }),
        ("0001 0002 ffff 01", FrameError::TooLong { got: 0xffff }),
        ("0001 0002 0000", FrameError::TooShort { kind: "frame", expected: 1, got: 0 }),
    ] {
        let mut reader = FrameReader::default();
        reader.feed(&bytes(hex));
        assert_eq!(reader.next_frame(), Err(error), "{hex}");
        assert_eq!(reader.next_frame(), Err(error), "{hex}, again");
        reader.clear();
        assert_eq!(reader.next_frame(), Ok(None));
    }
    let mut reader = FrameReader::default();
    reader.feed(&bytes("0001 0000 0001 01  0001 0002 0001 01  0001 0002 0002 ff 00"));
    let frame = reader.next_frame().unwrap().unwrap();
    assert_eq!(frame.to_controller(), Err(FrameError::UnknownProtocol { got: 0 }));
    let frame = reader.next_frame().unwrap().unwrap();
    let short = FrameError::TooShort { kind: "answer", expected: 2, got: 1 };
    assert_eq!(frame.from_controller(), Err(short));
    let frame = reader.next_frame().unwrap().unwrap();
    let short = FrameError::TooShort { kind: "feedback", expected: 7, got: 2 };
    assert_eq!(frame.from_controller(), Err(short));
    let params = vec![0; MAX_LENGTH];
    let long = Request { transaction: 1, protocol: Protocol::Two, register: 1, params };
    assert_eq!(long.encode(&mut Vec::new()), Err(FrameError::TooLong { got: MAX_LENGTH + 1 }));
}

#[test]
fn parameters_of_a_wrong_length_or_meaning_are_refused() {
    for (register, params, error) in [
        (0x0c, &[][..], CommandError::Length { register: 0x0c, got: 0 }),
        (0x0c, &[9], CommandError::Meaning { register: 0x0c, got: 9 }),
        (0x0d, &[1], CommandError::Length { register: 0x0d, got: 1 }),
        (0x15, &[0; 35], CommandError::Length { register: 0x15, got: 35 }),
        (0x15, &[0; 40], CommandError::Length { register: 0x15, got: 40 }),
        (0xee, &[], CommandError::UnknownRegister { register: 0xee }),
    ] {
        assert_eq!(Command::decode(register, params), Err(error));
    }
}

proptest! {
    /// A stream gives the same frames however it is divided into reads.
    #[test]
    fn frames_are_found_however_the_stream_is_cut(cuts in prop::collection::vec(1_usize..40, 1..80)) {
        let mut stream = Vec::new();
        for (transaction, protocol, command, _) in examples() {
            stream.extend(request(transaction, protocol, &command));
        }
        let (mut reader, mut found, mut left) = (FrameReader::default(), 0, &stream[..]);
        for cut in cuts.into_iter().cycle() {
            let taken = reader.feed(&left[..cut.min(left.len())]);
            left = &left[taken..];
            while let Some(frame) = reader.next_frame().unwrap() {
                prop_assert_eq!(frame.transaction, examples()[found].0);
                found += 1;
            }
            if left.is_empty() {
                break;
            }
        }
        prop_assert_eq!(found, examples().len());
    }
}
