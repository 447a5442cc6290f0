//! Reading a report allocates no memory.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;

use rmrl_xarm::{ArmState, LONGEST_REPORT, More, Report, ReportPort, ReportReader};

const REPORTS: usize = 2000;

#[test]
fn reports_are_read_from_a_socket_without_allocating_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let report = Report {
        state: ArmState::Moving,
        mode: 0,
        commands: 1,
        joints_rad: [0.1; 7],
        pose: [300.0, 0.0, 200.0, 3.1, 0.0, 0.0],
        torques_nm: [0.5; 7],
        more: More::Forces { external: [0.0; 6], raw: [0.0; 6] },
    };
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; LONGEST_REPORT];
        let bytes = report.encode(&mut buffer);
        for _ in 0..REPORTS {
            stream.write_all(bytes).unwrap();
        }
    });
    let mut stream = TcpStream::connect(address).unwrap();
    let mut reader = ReportReader::new(ReportPort::Real);
    let mut read = 0;
    let measured = allocation_counter::measure(|| {
        while read < REPORTS {
            read += usize::from(reader.read(&mut stream).unwrap().is_some());
        }
    });
    server.join().unwrap();
    assert_eq!((read, measured.count_total, measured.bytes_total), (REPORTS, 0, 0));
}
