//! What must hold for any bytes: no panic, no endless loop, and decoded values can be encoded.

#![allow(dead_code, reason = "each target uses one of them")]

use rmrl_xarm::{
    ArmState, Command, FrameReader, FromController, LONGEST_REPORT, Report, ReportPort,
    ReportReader, RobotVersion, RtuRequest, ToController,
};

/// Bytes as a stream of the control port, from either side, cut by their own first byte.
pub fn frame(bytes: &[u8]) {
    let cut = usize::from(bytes.first().copied().unwrap_or(0)) + 1;
    let mut reader = FrameReader::default();
    for mut chunk in bytes.chunks(cut) {
        while !chunk.is_empty() {
            let taken = reader.feed(chunk);
            assert!(taken > 0, "no room for a byte after every frame was read");
            chunk = &chunk[taken..];
            loop {
                match reader.next_frame() {
                    Ok(Some(frame)) => {
                        if let Ok(ToController::Request(request)) = frame.to_controller() {
                            let mut out = Vec::new();
                            request.encode(&mut out).expect("it came in a frame");
                            assert_eq!(out[6..], *frame.body);
                        }
                        match frame.from_controller() {
                            Ok(FromController::Response(response)) => {
                                let mut out = Vec::new();
                                response.encode(&mut out).expect("it came in a frame");
                                assert_eq!(out[6..], *frame.body);
                            }
                            Ok(FromController::Feedback(feedback)) => {
                                feedback.encode(&mut Vec::new());
                            }
                            Err(_) => {}
                        }
                    }
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        }
    }
}

/// Bytes as a stream of reports, and as one report.
pub fn report(bytes: &[u8]) {
    for port in [ReportPort::Normal, ReportPort::Rich, ReportPort::Real] {
        if let Ok(report) = Report::decode(port, bytes) {
            let mut out = [0; LONGEST_REPORT];
            let written = Report::decode(port, report.encode(&mut out)).expect("just written");
            assert_eq!(
                (written.commands, written.mode, bits(&written.pose)),
                (report.commands, report.mode, bits(&report.pose))
            );
            if !matches!(report.state, ArmState::Other(_)) {
                assert_eq!(written.state, report.state);
            }
        }
        let mut reader = ReportReader::new(port);
        let mut left = bytes;
        let mut reads = 0;
        while reader.read(&mut left).is_ok() {
            reads += 1;
            assert!(reads <= bytes.len(), "a read without a byte");
        }
    }
}

/// Bytes as a register with parameters, as an answer, as Modbus, and as a version.
pub fn command(bytes: &[u8]) {
    let (&register, params) = bytes.split_first().unwrap_or((&0, &[]));
    if let Ok(command) = Command::decode(register, params) {
        let mut out = Vec::new();
        command.encode_params(&mut out);
        assert_eq!(command.register(), register);
        let again = Command::decode(register, &out).expect("just written");
        let mut twice = Vec::new();
        again.encode_params(&mut twice);
        assert_eq!(out, twice);
        if let Ok(reply) = command.decode_reply(params) {
            reply.encode_params(&mut Vec::new());
        }
    }
    if let Ok((device, request)) = RtuRequest::decode(bytes) {
        assert_eq!(request.encode(device), bytes);
        // The result may be values or an error.
        drop(request.decode_reply(device, bytes));
        drop(request.decode_reply(device, params));
    }
    drop(rmrl_xarm::Command::GetVersion.decode_reply(bytes));
    drop(RobotVersion::parse(&String::from_utf8_lossy(bytes)));
}

fn bits(pose: &[f32; 6]) -> [u32; 6] {
    pose.map(f32::to_bits)
}
