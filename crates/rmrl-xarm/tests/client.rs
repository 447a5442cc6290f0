//! The client with a controller that answers late, twice, in halves, wrongly or not at all.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod loopback;

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use loopback::{answer, serve};
use rmrl_xarm::{
    Address, ArmState, Client, Command, Feedback, FeedbackOutcome, LineOptions, MotionLimits,
    Protocol, Reply, Request, Status, XArmError,
};

const TIMEOUT: Duration = Duration::from_millis(300);

fn client(address: &Address) -> Client {
    Client::connect(address, TIMEOUT).unwrap()
}

fn line() -> Command {
    Command::MoveLine {
        pose: [300.0, 0.0, 100.0, 3.1, 0.0, 0.0],
        limits: MotionLimits { speed: 100.0, acceleration: 1000.0, time: 0.0 },
        options: Some(LineOptions::default()),
    }
}

#[test]
fn an_answer_in_halves_is_waited_for() {
    let (address, server) = serve(|mut peer| {
        let request = peer.next().unwrap();
        for byte in answer(&request, 0, &Reply::Count(3)) {
            peer.send(&[byte]);
            thread::sleep(Duration::from_millis(5));
        }
        peer.drain();
    });
    let mut client = client(&address);
    assert_eq!(client.ask(&Command::GetCommandCount).unwrap(), Reply::Count(3));
    drop(client);
    server.join().unwrap();
}

#[test]
fn half_an_answer_is_not_one_and_its_other_half_belongs_to_no_later_one() {
    let (address, server) = serve(|mut peer| {
        let request = peer.next().unwrap();
        let late = answer(&request, 0, &Reply::Count(3));
        peer.send(&late[..7]);
        let request = peer.next().unwrap();
        peer.send(&late[7..]);
        peer.send(&answer(&request, 0, &Reply::Count(4)));
        peer.drain();
    });
    let mut client = client(&address);
    let began = Instant::now();
    let error = client.ask(&Command::GetCommandCount).unwrap_err();
    assert!(matches!(error, XArmError::NoAnswer { register: 0x0e, .. }), "{error}");
    let took = began.elapsed();
    assert!(took >= TIMEOUT && took < 3 * TIMEOUT, "{took:?}");
    assert_eq!(client.ask(&Command::GetCommandCount).unwrap(), Reply::Count(4));
    drop(client);
    server.join().unwrap();
}

#[test]
fn late_and_double_answers_are_left_aside() {
    let (address, server) = serve(|mut peer| {
        let first = peer.next().unwrap();
        let second = peer.next().unwrap();
        // The first answer comes late, the second twice, and once more before the third.
        peer.send(&answer(&first, 0, &Reply::Count(1)));
        peer.send(&answer(&second, 0, &Reply::Count(2)));
        peer.send(&answer(&second, 0, &Reply::Count(2)));
        let third = peer.next().unwrap();
        peer.send(&answer(&second, 0, &Reply::Count(2)));
        peer.send(&answer(&third, 0, &Reply::Count(3)));
        peer.drain();
    });
    let mut client = client(&address);
    assert!(client.ask(&Command::GetCommandCount).is_err());
    assert_eq!(client.ask(&Command::GetCommandCount).unwrap(), Reply::Count(2));
    assert_eq!(client.ask(&Command::GetCommandCount).unwrap(), Reply::Count(3));
    drop(client);
    server.join().unwrap();
}

#[test]
fn an_answer_with_a_wrong_number_is_not_taken_and_one_of_a_wrong_register_is_an_error() {
    let (address, server) = serve(|mut peer| {
        let mut request = peer.next().unwrap();
        request.transaction += 1;
        peer.send(&answer(&request, 0, &Reply::Count(9)));
        let mut request = peer.next().unwrap();
        request.register = 0x0d;
        peer.send(&answer(&request, 0, &Reply::Count(9)));
        let mut request = peer.next().unwrap();
        request.protocol = Protocol::Three;
        peer.send(&answer(&request, 0, &Reply::Count(9)));
        peer.drain();
    });
    let mut client = client(&address);
    let error = client.ask(&Command::GetCommandCount).unwrap_err();
    assert!(matches!(error, XArmError::NoAnswer { .. }), "{error}");
    let error = client.ask(&Command::GetCommandCount).unwrap_err();
    assert!(matches!(error, XArmError::WrongAnswer { expected: 0x0e, got: 0x0d }), "{error}");
    let error = client.ask(&Command::GetCommandCount).unwrap_err();
    assert!(matches!(error, XArmError::WrongAnswer { .. }), "{error}");
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_dropped_link_is_reported_and_stays_lost() {
    let (address, server) = serve(|mut peer| {
        let request = peer.next().unwrap();
        peer.send(&answer(&request, 0, &Reply::Count(1))[..5]);
    });
    let mut client = client(&address);
    for _ in 0..2 {
        let error = client.ask(&Command::GetCommandCount).unwrap_err();
        assert!(matches!(error, XArmError::LostLink { .. }), "{error}");
        assert!(error.ends_the_link() && client.is_lost());
    }
    server.join().unwrap();
    let nobody = Client::connect(&address, TIMEOUT).unwrap_err();
    assert!(matches!(nobody, XArmError::Connect { .. }), "{nobody}");
}

#[test]
fn bytes_that_are_no_frame_end_the_link() {
    let (address, server) = serve(|mut peer| {
        peer.next().unwrap();
        peer.send(&[0, 1, 0, 2, 0xff, 0xff, 1]);
        peer.drain();
    });
    let mut client = client(&address);
    let error = client.ask(&Command::GetState).unwrap_err();
    assert!(matches!(error, XArmError::Frame(_)), "{error}");
    assert!(client.is_lost());
    drop(client);
    server.join().unwrap();
}

#[test]
fn an_answer_too_short_is_one_with_an_error_in_its_way_and_a_broken_one_without() {
    let (address, server) = serve(|mut peer| {
        let request = peer.next().unwrap();
        peer.send(&answer(&request, Status::ERROR, &Reply::Done));
        let request = peer.next().unwrap();
        assert_eq!(loopback::command(&request), Command::GetErrors);
        peer.send(&answer(&request, Status::ERROR, &Reply::Errors { error: 21, warning: 0 }));
        let request = peer.next().unwrap();
        peer.send(&answer(&request, 0, &Reply::Done));
        let request = peer.next().unwrap();
        peer.send(&answer(&request, Status::INVALID, &Reply::Done));
        peer.drain();
    });
    let mut client = client(&address);
    let error = client.ask(&Command::GetTcpPose).unwrap_err();
    assert!(matches!(error, XArmError::Controller { number: 21, .. }), "{error}");
    let error = client.ask(&Command::GetTcpPose).unwrap_err();
    assert!(matches!(error, XArmError::Answer(_)), "{error}");
    let error = client.ask(&Command::GetTcpPose).unwrap_err();
    assert!(matches!(error, XArmError::Refused { register: 0x29, .. }), "{error}");
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_refused_motion_reports_what_prevents_it() {
    let (address, server) = serve(|mut peer| {
        for number in [31, 1, 23] {
            let request = peer.next().unwrap();
            peer.send(&answer(&request, Status::ERROR, &Reply::Queued { count: 0, check: 0 }));
            let request = peer.next().unwrap();
            let errors = Reply::Errors { error: number, warning: 0 };
            peer.send(&answer(&request, Status::ERROR, &errors));
        }
        let request = peer.next().unwrap();
        peer.send(&answer(&request, Status::NOT_READY, &Reply::Queued { count: 0, check: 0 }));
        peer.drain();
    });
    let mut client = client(&address);
    let collision = client.start_motion(&line()).unwrap_err();
    assert!(matches!(collision, XArmError::Collision { number: 31, .. }), "{collision}");
    let button = client.start_motion(&line()).unwrap_err();
    assert!(matches!(button, XArmError::EmergencyStop { number: 1, .. }), "{button}");
    assert!(button.needs_operator() && !collision.needs_operator());
    let limit = client.start_motion(&line()).unwrap_err();
    assert!(matches!(limit, XArmError::Controller { number: 23, .. }), "{limit}");
    let refused = client.start_motion(&line()).unwrap_err();
    assert!(matches!(refused, XArmError::Refused { register: 0x15, .. }), "{refused}");
    drop(client);
    server.join().unwrap();
}

#[test]
fn feedback_of_the_motion_is_waited_for_and_that_of_another_is_not_taken() {
    let (address, server) = serve(|mut peer| {
        let request = peer.next().unwrap();
        let mut out = Vec::new();
        let told = |transaction, kind, outcome| Feedback {
            transaction,
            protocol: Protocol::Two,
            kind,
            register: 0x15,
            task: 1,
            outcome,
            time_us: 0,
        };
        let (started, finished) = (Feedback::MOTION_STARTED, Feedback::MOTION_FINISHED);
        told(request.transaction + 1, finished, FeedbackOutcome::Done).encode(&mut out);
        told(request.transaction, started, FeedbackOutcome::Done).encode(&mut out);
        out.extend(answer(&request, 0, &Reply::Queued { count: 1, check: 0 }));
        peer.send(&out);
        let state = peer.next().unwrap();
        // Before an answer, in one piece with it.
        let mut out = Vec::new();
        told(request.transaction, finished, FeedbackOutcome::Discarded).encode(&mut out);
        out.extend(answer(&state, 0, &Reply::State(ArmState::Ready)));
        peer.send(&out);
        peer.drain();
    });
    let mut client = client(&address);
    let transaction = client.start_motion(&line()).unwrap();
    let soon = Instant::now() + Duration::from_millis(30);
    assert_eq!(client.wait_for_feedback(transaction, soon).unwrap(), None);
    assert!(Instant::now() >= soon);
    assert_eq!(client.ask(&Command::GetState).unwrap(), Reply::State(ArmState::Ready));
    let ended = client.wait_for_feedback(transaction, Instant::now()).unwrap();
    assert_eq!(ended, Some(FeedbackOutcome::Discarded));
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_silent_controller_is_asked_after_a_while_and_given_up_after_a_longer_one() {
    let (address, server) = serve(|mut peer| {
        let request = peer.next().unwrap();
        assert_eq!(loopback::command(&request), Command::GetState);
        peer.send(&answer(&request, 0, &Reply::State(ArmState::Ready)));
        let mut asked = 1;
        while peer.next().is_some() {
            asked += 1;
        }
        assert_eq!(asked, 3);
    });
    let mut client = client(&address);
    let (idle, lost) = (Duration::from_millis(50), Duration::from_millis(500));
    client.keep_alive(idle, lost).unwrap();
    thread::sleep(idle);
    client.keep_alive(idle, lost).unwrap();
    assert!(client.silence() < idle, "the answer was heard");
    thread::sleep(idle);
    let silent = client.keep_alive(idle, lost).unwrap_err();
    assert!(matches!(silent, XArmError::NoAnswer { .. }) && !client.is_lost(), "{silent}");
    let gone = client.keep_alive(idle, lost).unwrap_err();
    assert!(matches!(gone, XArmError::LostLink { .. }) && client.is_lost(), "{gone}");
    drop(client);
    server.join().unwrap();
}

#[cfg(unix)]
#[test]
fn a_controller_on_this_computer_is_found_by_its_socket() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    let folder = std::env::temp_dir().join(format!("rmrl-xarm-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let listener = UnixListener::bind(folder.join("xarmcontroller_uds_502")).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 7];
        stream.read_exact(&mut request).unwrap();
        assert_eq!(request, [0, 1, 0, 2, 0, 1, 0x0d]);
        stream.write_all(&[0, 1, 0, 2, 0, 3, 0x0d, 0, 2]).unwrap();
    });
    let config =
        rmrl_xarm::XArmConfig { socket_folder: Some(folder.clone()), ..Default::default() };
    let mut client = client(&config.address(config.control_port));
    assert_eq!(client.ask(&Command::GetState).unwrap(), Reply::State(ArmState::Ready));
    server.join().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

/// Sound frames, none of them an answer, without end.
#[test]
fn a_controller_that_never_stops_talking_holds_nobody_up() {
    let (address, server) = serve(|mut peer| {
        let request = peer.next().unwrap();
        let late = Request { transaction: request.transaction.wrapping_add(7), ..request };
        let flood = answer(&late, 0, &Reply::Count(3)).repeat(50);
        while peer.stream.write_all(&flood).is_ok() {}
    });
    let mut client = client(&address);
    for _ in 0..3 {
        let began = Instant::now();
        assert!(client.ask(&Command::GetCommandCount).is_err());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    drop(client);
    server.join().unwrap();
}
