//! Reports, compared with the offsets of the vendor's manual.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use rmrl_xarm::{
    Address, ArmState, Details, Health, LONGEST_REPORT, More, ReadError, Report, ReportError,
    ReportPort, ReportReader, ReportStream,
};

fn health() -> Health {
    Health {
        brakes: 0x3f,
        enabled: 0x3f,
        error: 31,
        warning: 11,
        tcp_offset: [0.0, 0.0, 172.0, 0.0, 0.0, 0.0],
        load: [0.82, 0.0, 0.0, 48.0],
        collision_sensitivity: 3,
        teach_sensitivity: 2,
        gravity: [0.0, 0.0, -1.0],
    }
}

fn details() -> Details {
    let mut version = [0; 30];
    version[..6].copy_from_slice(b"v2.5.0");
    Details {
        model: 6,
        joints: 6,
        version,
        servos: Some([[0, 0], [3, 23], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]),
        temperatures_c: Some([30, 31, -2, 33, 34, 35, 36]),
        tool_speed_mm_s: Some(250.0),
        joint_speeds_rad_s: Some([0.1; 7]),
        counter: Some(0x0102_0304),
        base_offset: Some([10.0, -20.0, 30.0, 0.1, 0.2, 0.3]),
        simulated: Some(true),
        reduced: Some(true),
        fence: Some(true),
    }
}

fn report(more: More) -> Report {
    Report {
        state: ArmState::Stopped,
        mode: 1,
        commands: 0x0203,
        joints_rad: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.0],
        pose: [300.0, 10.0, 120.0, 3.1, 0.0, 0.5],
        torques_nm: [1.0; 7],
        more,
    }
}

/// Port, report, length.
fn reports() -> [(ReportPort, Report, usize); 4] {
    let forces = More::Forces { external: [1.0; 6], raw: [2.0; 6] };
    [
        (ReportPort::Real, report(More::Nothing), 87),
        (ReportPort::Real, report(forces), 135),
        (ReportPort::Normal, report(More::Health(health())), 145),
        (ReportPort::Rich, report(More::Everything(health(), details())), 587),
    ]
}

#[test]
fn every_port_reads_what_it_writes_at_the_lengths_of_the_manual() {
    for (port, report, length) in reports() {
        let mut buffer = [0; LONGEST_REPORT];
        let bytes = report.encode(&mut buffer);
        assert_eq!(bytes.len(), length);
        assert_eq!(Report::decode(port, bytes), Ok(report));
        for shorter in 0..length {
            assert!(Report::decode(port, &bytes[..shorter]).is_err());
        }
    }
}

#[test]
fn numbers_are_where_the_manual_has_them() {
    let mut buffer = [0; LONGEST_REPORT];
    let bytes = report(More::Everything(health(), details())).encode(&mut buffer);
    assert_eq!(bytes[..7], [0, 0, 2, 0x4b, 0x14, 2, 3]);
    let real = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    for (at, value) in [
        (7, 0.1),
        (35, 300.0),
        (59, 1.0),
        (99, 172.0),
        (115, 0.82),
        (141, -1.0),
        (252, 250.0),
        (256, 0.1),
    ] {
        assert_eq!(real(at), value, "at {at}");
    }
    assert_eq!(bytes[87..91], [0x3f, 0x3f, 31, 11]);
    assert_eq!(bytes[131..133], [3, 2]);
    assert_eq!(bytes[145..147], [6, 6]);
    assert_eq!(&bytes[151..157], b"v2.5.0");
    assert_eq!(bytes[229..233], [0, 0, 3, 23]);
    assert_eq!(bytes[245..248], [30, 31, 0xfe]);
    assert_eq!(bytes[284..288], [1, 2, 3, 4]);
    assert_eq!(bytes[292..296], (-20.0_f32).to_le_bytes());
    assert_eq!(bytes[314], 1);
    assert_eq!((bytes[494] & 3, bytes[495], bytes[572]), (3, 1, 1));
}

#[test]
fn a_rich_report_of_older_firmware_has_less() {
    let mut buffer = [0; LONGEST_REPORT];
    let bytes = report(More::Everything(health(), details())).encode(&mut buffer);
    let mut older = bytes[..417].to_vec();
    older[..4].copy_from_slice(&417_u32.to_be_bytes());
    let More::Everything(_, details) = Report::decode(ReportPort::Rich, &older).unwrap().more
    else {
        panic!("no details");
    };
    assert_eq!((details.counter, details.reduced, details.fence), (Some(0x0102_0304), None, None));
    // As in the vendor's software: the byte of the simulated robot is only valid from this length on.
    assert_eq!((details.base_offset.is_some(), details.simulated), (true, Some(true)));
    older.truncate(316);
    older[..4].copy_from_slice(&316_u32.to_be_bytes());
    let shorter = *Report::decode(ReportPort::Rich, &older).unwrap().details().unwrap();
    assert_eq!((shorter.base_offset.is_some(), shorter.simulated), (true, None));
}

#[test]
fn a_stream_of_reports_is_read_however_it_is_cut_and_ends_with_an_error() {
    for (port, report, length) in reports() {
        let mut buffer = [0; LONGEST_REPORT];
        let stream = report.encode(&mut buffer).repeat(3);
        for cut in [1, 3, 86, length, 1000] {
            for mut reader in [ReportReader::new(port), ReportReader::of_any_port()] {
                let mut found = 0;
                for mut chunk in stream.chunks(cut) {
                    while !chunk.is_empty() {
                        if let Some(read) = reader.read(&mut chunk).unwrap() {
                            assert_eq!(read, report);
                            found += 1;
                        }
                    }
                }
                assert_eq!(found, 3, "{port:?} cut to {cut}");
                assert!(matches!(reader.read(&mut &[][..]), Err(ReadError::Io(_))));
            }
        }
    }
}

#[test]
fn a_length_that_no_report_has_is_refused_before_it_is_waited_for() {
    for said in [0_u32, 4, 86, 1025, u32::MAX] {
        let mut reader = ReportReader::new(ReportPort::Real);
        let result = reader.read(&mut &said.to_be_bytes()[..]);
        let Err(ReadError::Report(ReportError::Length { got, .. })) = result else {
            panic!("{said}: {result:?}");
        };
        assert_eq!(got, said as usize);
    }
}

#[test]
fn a_stream_of_reports_that_breaks_off_is_connected_again() {
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::Duration;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for commands in [1, 2] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; LONGEST_REPORT];
            let report = Report { commands, ..report(More::Health(health())) };
            let bytes = report.encode(&mut buffer);
            stream.write_all(bytes).unwrap();
            // The first link ends within a report, the second continues until it is closed.
            while commands == 2 && stream.write_all(bytes).is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = stream.write_all(&bytes[..99]);
        }
    });
    let address = Address::Tcp { host: "127.0.0.1".into(), port };
    let second = Duration::from_secs(5);
    let stream = ReportStream::connect(address, second).unwrap();
    let mut last = 0;
    while last != 2 {
        last = stream.next(second).expect("a report in time").commands;
        assert!(last == 1 || last == 2);
    }
    assert_eq!(stream.latest().map(|(report, _)| report.commands), Some(2));
    drop(stream);
    server.join().unwrap();
}

#[test]
fn the_rich_report_of_old_firmware_lacks_what_came_later() {
    let mut buffer = [0; LONGEST_REPORT];
    let whole = report(More::Everything(health(), details()));
    whole.encode(&mut buffer);
    for length in [233, 245] {
        let bytes = &mut buffer[..length];
        bytes[..4].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        let old = Report::decode(ReportPort::Rich, bytes).unwrap();
        let More::Everything(told, details) = old.more else { panic!("{old:?}") };
        assert_eq!((told, old.joints_rad), (health(), whole.joints_rad));
        assert_eq!(details.servos.is_some(), length == 245);
        assert_eq!((details.temperatures_c, details.fence), (None, None));
        assert_eq!((details.base_offset, details.simulated), (None, None));
    }
}
