//! Inputs and outputs, the jaws, and what is plugged in.

use std::time::Instant;

use rmrl_xarm::emulator::{EmulatorConfig, GripperKind, Pace};

use super::raw_client::{INVALID, PATIENCE, PI, Raw, bytes, line, near, quick, real_time};

#[test]
fn outputs_are_set_at_once_in_turn_later_and_in_passing() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(5.0), ..real_time() }, 0);
    let outputs = |raw: &mut Raw| {
        let state = raw.ask(139, &[]).1;
        (u16::from_be_bytes([state[8], state[9]]), state)
    };
    // Nothing is wired: inputs are pulled up.
    assert_eq!(raw.ask(131, &[]).1, [0xff, 0xff]);
    assert_eq!(raw.ask(132, &[]).1, [0, 0]);
    raw.ask(134, &[0x05, 0x05]);
    raw.ask(134, &[0, 0, 0x80, 0x80]);
    assert_eq!(outputs(&mut raw).0, 0x8005);
    raw.ask(134, &[0x04, 0x00]);
    assert_eq!(outputs(&mut raw).0, 0x8001);
    raw.ask(136, &1474_u16.to_be_bytes());
    raw.ask(137, &[3, 2]);
    raw.ask(138, &[12, 10]);
    let state = outputs(&mut raw).1;
    assert_eq!(
        (&state[16..18], state[18 + 3], state[42 + 4]),
        (&1474_u16.to_be_bytes()[..], 2, 10)
    );
    assert_ne!(raw.ask(137, &[16, 2]).0 & INVALID, 0);

    // In turn with the motions, or not.
    raw.ask(21, &line([300.0, 100.0, 50.0, PI, 0.0, 0.0]));
    raw.ask(134, &[0x02, 0x02]);
    raw.ask(134, &[0x10, 0x10, 0]);
    assert_eq!(outputs(&mut raw).0, 0x8011);
    raw.rests();
    assert_eq!(outputs(&mut raw).0, 0x8013);
    // When the tool passes, within 2 mm.
    let place = bytes(&[300.0, 50.0, 50.0, 2.0]);
    raw.ask(144, &[vec![6, 1], place].concat());
    raw.ask(144, &[vec![7, 1], bytes(&[300.0, 150.0, 50.0, 2.0])].concat());
    raw.line(300.0, 0.0, 50.0);
    assert_eq!(outputs(&mut raw).0, 0x8053);
    // Later.
    raw.ask(142, &[vec![6, 0], bytes(&[0.2])].concat());
    assert_eq!(outputs(&mut raw).0, 0x8053);
    let until = Instant::now() + PATIENCE;
    while outputs(&mut raw).0 != 0x8013 {
        assert!(Instant::now() < until);
    }
    // The tool's, with the value as a number.
    raw.ask(127, &[vec![9, 0x0a, 0x15], bytes(&[f32::from(0x0101_u16)])].concat());
    assert_eq!(raw.ask(128, &[9, 0x0a, 0x18]).1, [0, 0, 0, 1]);
    assert_ne!(raw.ask(128, &[9, 0x7f, 0xff]).0 & INVALID, 0);
    // One more than the controller remembers: error 36.
    for _ in 0..65 {
        raw.ask(142, &[vec![0, 1], bytes(&[1e9])].concat());
    }
    assert_eq!(raw.errors()[0], 36);
}

#[test]
fn there_is_no_force_sensor_and_nothing_on_the_control_boxs_bus() {
    for (register, parameters, error) in [
        (201, vec![1], 50),
        (202, vec![1], 51),
        (206, vec![], 52),
        (124, vec![11, 1, 3, 0, 0, 0, 1], 111),
    ] {
        let mut raw = Raw::ready(quick(), 0);
        raw.ask(register, &parameters);
        assert_eq!(raw.errors()[0], error);
        raw.recover(0);
    }
}

/// The vendor's software limits positions itself, and its table has no error of the BIO gripper for one that is
/// beyond: the jaws go as far as they can. PyLabRobot sends 0 to 850.
#[test]
fn jaws_go_as_far_as_they_can() {
    for (gripper, cases) in [
        (GripperKind::G2, [(850, 150), (120, 120), (0, 71), (-9, 71), (151, 150)]),
        (GripperKind::EarlyG2, [(850, 150), (120, 120), (0, 71), (-9, 71), (151, 150)]),
        (GripperKind::G1, [(850, 130), (100, 50), (0, 50), (-9, 50), (101, 130)]),
    ] {
        let mut raw = Raw::ready(EmulatorConfig { gripper, ..quick() }, 0);
        let mut ask = |frame: &[u8]| raw.ask(124, &[&[9, 8], frame].concat()).1[1..].to_vec();
        let status = |answer: Vec<u8>| u16::from_be_bytes([answer[3], answer[4]]);
        ask(&[6, 1, 0, 0, 1]);
        let until = Instant::now() + PATIENCE;
        while status(ask(&[3, 0, 0, 0, 1])) & 0xc != 8 {
            assert!(Instant::now() < until);
        }
        for (to, expected) in cases {
            let mut frame = vec![0x10, 7, 0, 0, 2, 4];
            frame.extend(i32::to_be_bytes(to));
            assert_eq!(ask(&frame)[1], 0x10, "{gripper:?} to {to}");
            while status(ask(&[3, 0, 0, 0, 1])) & 3 == 1 {
                assert!(Instant::now() < until);
            }
            let answer = ask(&[3, 7, 0, 0, 2]);
            let at = i32::from_be_bytes(answer[3..7].try_into().unwrap());
            assert_eq!(at, expected, "{gripper:?} to {to}");
        }
    }
}

#[test]
fn standard_modbus_reads_and_writes_the_same_state() {
    let mut raw = Raw::ready(quick(), 0);
    let mut modbus = |request: &[u8]| raw.exchange(0, &[&[1], request].concat())[1..].to_vec();
    assert_eq!(modbus(&[2, 0, 0, 0, 16]), [2, 2, 0xff, 0xff]);
    assert_eq!(modbus(&[0x0f, 0, 2, 0, 3, 1, 0x05]), [0x0f, 0, 2, 0, 3]);
    assert_eq!(modbus(&[1, 0, 0, 0, 9]), [1, 2, 0x14, 0]);
    assert_eq!(modbus(&[5, 0, 2, 0, 0]), [5, 0, 2, 0, 0]);
    assert_eq!(modbus(&[3, 0, 0, 0, 1]), [3, 2, 0, 0x10]);
    assert_eq!(modbus(&[6, 1, 0, 0x12, 0x34]), [6, 1, 0, 0x12, 0x34]);
    assert_eq!(modbus(&[0x16, 1, 0, 0x0f, 0xff, 0xf0, 0]), [0x16, 1, 0, 0x0f, 0xff, 0xf0, 0]);
    assert_eq!(modbus(&[0x17, 1, 0, 0, 2, 1, 1, 0, 1, 2, 0, 9]), [0x17, 4, 0xf2, 0x34, 0, 9]);
    // x, y and z in tenths of a millimeter.
    let pose = modbus(&[4, 0, 0x40, 0, 3]);
    near(
        &[2, 4, 6].map(|at| f32::from(i16::from_be_bytes([pose[at], pose[at + 1]]))),
        &[3000.0, 0.0, 2000.0],
        1.0,
    );
    // Mode and state: stopped by a bit, run by a word.
    assert_eq!(modbus(&[3, 0, 0x20, 0, 2]), [3, 4, 0, 0, 0, 2]);
    assert_eq!(modbus(&[5, 0, 145, 0xff, 0]), [5, 0, 145, 0xff, 0]);
    assert_eq!(modbus(&[3, 0, 0x21, 0, 1]), [3, 2, 0, 4]);
    for (request, exception) in [
        (&[0x2b, 0, 0, 0, 1][..], 1),
        (&[3, 0x50, 0, 0, 1], 2),
        (&[3, 0xff, 0xff, 0, 2], 2),
        (&[1, 0, 0, 0xff, 0xff], 3),
        (&[5, 0, 2, 1, 1], 3),
        (&[6, 0, 0x20, 0, 77], 3),
        (&[3, 0], 3),
        (&[0x10, 1, 0, 0, 2, 4, 0], 3),
    ] {
        assert_eq!(modbus(request), [request[0] | 0x80, exception], "{request:?}");
    }
}
