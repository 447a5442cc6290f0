//! Transfers over the controller's protocol in the emulated laboratory of `configs/laboratory-emulated.toml`, judged by the
//! emulator's own keep-outs.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use binary::process::send_signal;
use binary::{failure, rmrl};
use jiff::Timestamp;
use rmrl::{EmulatedLaboratory, Layers, Places, RunConfig, Start, emulated_keep_outs};
use rmrl::{TransferCellError, open_transfer_cell};
use rmrl_inventory::{Inventory, Place, StatedBy};
use rmrl_transfer::{Ending, Request, TransferReport};
use rmrl_xarm::emulator::{EmulatorConfig, KeepOutBox, KeepOuts};
use rmrl_xarm::{BioGripperDevice, Robot};
use serde_json::Value;
use toml::Table;

const EMULATED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/laboratory-emulated.toml");
const SIMULATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/laboratory.toml");

fn layers(inventory: &Path) -> Layers {
    let dir = inventory.join("inventory").display().to_string();
    Layers::default()
        .with_file(EMULATED.as_ref())
        .unwrap()
        .with_value("a test", "inventory.dir", dir)
        .with_value("a test", "xarm.standstill_secs", 0.0)
}

/// An emulated laboratory, and the configuration of a program that transfers in it.
struct Laboratory {
    emulated: EmulatedLaboratory,
    config: RunConfig,
    places: Places,
}

impl Laboratory {
    /// A laboratory on free ports, whose gripper has power.
    fn start(layers: &Layers, change: impl FnOnce(&mut KeepOuts)) -> Self {
        let (config, places) = (layers.clone().resolve().unwrap(), layers.places().unwrap());
        let mut keep_outs = emulated_keep_outs(&config, &places);
        change(&mut keep_outs);
        let (controller, at) = (EmulatorConfig::default(), "127.0.0.1:0");
        let emulated =
            EmulatedLaboratory::start(&config, &places, controller, Some(keep_outs), at).unwrap();
        let at = emulated.controller.addresses().unwrap();
        let config = layers
            .clone()
            .with_value("a test", "xarm.control_port", i64::from(at.control.port()))
            .with_value("a test", "xarm.report_port", i64::from(at.rich.port()))
            .with_value("a test", "remote.address", emulated.server.address().to_string())
            .resolve()
            .unwrap();
        let robot = Arc::new(Robot::connect(config.xarm.clone()).unwrap());
        BioGripperDevice::connect(robot).unwrap().power_on().unwrap();
        Self { emulated, config, places }
    }

    /// A person says what lies where.
    fn say_what_lies_there(&self) {
        let now = Timestamp::now();
        let mut inventory =
            Inventory::open(&self.places.inventory, self.places.layout(), now).unwrap();
        for (place, items) in self.emulated.seen_by_a_person() {
            let stated = StatedBy { by: "a test".into(), reason: "set up".into() };
            inventory.set(place, items, stated, now).unwrap();
        }
    }

    /// A program makes transfers, one after the other.
    fn transfer(&self, moves: &[(&str, &str)]) -> Result<Vec<TransferReport>, TransferCellError> {
        let mut cell = open_transfer_cell(&self.config, &self.places, &Start::default())?.cell;
        let request = |(from, to): &(&str, &str)| Request::Move {
            from: from.parse::<Place>().unwrap(),
            to: to.parse().unwrap(),
        };
        Ok(moves.iter().map(|one| cell.transfer(&request(one)).unwrap()).collect())
    }

    /// The slot in which an item truly lies.
    fn truly_in(&self, id: &str) -> Option<String> {
        let items = self.emulated.cell.items();
        let item = items.iter().find(|item| item.id == id).unwrap();
        item.slot.as_ref().filter(|_| !item.is_held).map(|(slot, _)| slot.clone())
    }
}

/// The program and the emulator judge the same motions with geometry of their own. What only one of them knows of is a violation.
#[test]
fn a_plate_goes_to_the_reader_and_back_and_nothing_comes_near_what_the_emulator_watches() {
    let dir = tempfile::tempdir().unwrap();
    let layers = layers(dir.path());
    let laboratory = Laboratory::start(&layers, |keep_outs| {
        assert!(keep_outs.boxes.len() == 8 && keep_outs.table.is_some(), "{keep_outs:?}");
    });
    laboratory.say_what_lies_there();
    let there = laboratory.transfer(&[("hotel:1", "reader")]).unwrap();
    assert_eq!((&there[0].ending, there[0].is_seated), (&Ending::Done, Some(true)));
    assert_eq!(laboratory.truly_in("plate-1").as_deref(), Some("reader"));
    // Another program of the laboratory brings it back.
    let back = laboratory.transfer(&[("reader", "hotel:1")]).unwrap();
    assert_eq!(back[0].ending, Ending::Done, "{back:?}");
    assert_eq!(laboratory.truly_in("plate-1").as_deref(), Some("hotel:1"));
    assert_eq!(laboratory.emulated.controller.violations(), []);
    let motions = laboratory.emulated.controller.recording().motions.len();
    assert!(motions > 30, "{motions}");
    drop(laboratory);

    // The same laboratory with a post between hotel and reader of which the configuration says nothing.
    let laboratory = Laboratory::start(&layers, |keep_outs| {
        keep_outs.boxes.push(KeepOutBox {
            name: "post".to_string(),
            center_m: [0.36, 0.165, 0.15],
            size_m: [0.02, 0.02, 0.3],
            yaw_deg: 0.0,
            margin_m: 0.02,
            entered_within: Vec::new(),
            entry_margin_m: 0.0,
        });
    });
    let again = laboratory.transfer(&[("hotel:1", "reader")]).unwrap();
    assert_eq!(again[0].ending, Ending::Done, "it is recorded, and stops nothing");
    let violations = laboratory.emulated.controller.violations();
    assert!(!violations.is_empty());
    assert!(violations.iter().all(|one| one.keep_out == "post"), "{violations:?}");
    let worst = violations.iter().map(|one| one.distance_m).fold(f64::INFINITY, f64::min);
    assert!(worst < 0.0, "the hand passes through it: {violations:?}");
}

#[test]
fn the_operator_of_an_emulated_laboratory_seats_plates() {
    let dir = tempfile::tempdir().unwrap();
    let laboratory = Laboratory::start(&layers(dir.path()), |_| {});
    let mut stream = TcpStream::connect(laboratory.emulated.server.address()).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut ask = |item: &str, slot: &str| -> Value {
        writeln!(stream, r#"{{"ask":"seat_item","item":"{item}","slot":"{slot}"}}"#).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    };
    let off_mm = || {
        let items = laboratory.emulated.cell.items();
        let (_, error) =
            items.iter().find(|item| item.id == "plate-1").unwrap().slot.clone().unwrap();
        error.x_mm.hypot(error.y_mm)
    };
    let put_mm = off_mm();
    assert_eq!(ask("plate-1", "hotel:1"), serde_json::json!({ "done": true }));
    // Sites are taught by eye.
    assert!(off_mm() < 0.5 && 2.0 * off_mm() < put_mm, "{put_mm}, then {}", off_mm());
    assert!(ask("plate-1", "reader")["error"].is_string());
}

#[test]
fn the_command_emulates_a_laboratory_and_says_what_lies_there() {
    let dir = tempfile::tempdir().unwrap();
    let ports = ["--port", "0", "--report-port", "0", "--real-time-port", "0"];
    let emulate = |config: &str, more: &[&str]| {
        let words = ["xarm", "emulate", "--config", config, "--cell", "127.0.0.1:0"];
        rmrl(dir.path(), &[&words[..], &ports[..], more].concat())
    };
    let mut command = emulate(EMULATED, &["--speed", "0"]);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let listening = next();
    let commands: Vec<&str> = listening["inventory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    assert_eq!(commands.len(), 5, "one for each slot: {commands:?}");
    let first = "rmrl cell inventory set hotel:1 plate-1=96-well --reason looked --config";
    assert!(commands.iter().any(|one| one.starts_with(first)), "{commands:?}");
    assert!(commands.iter().any(|one| one.contains("plate-2=96-well-with-lid+lid")));
    // The commands are those of the command itself.
    for words in &commands {
        let words: Vec<&str> = words.split(' ').skip(1).collect();
        let here = ["--set", "inventory.dir=inventory"];
        let set = rmrl(dir.path(), &[&words[..], &here[..]].concat()).output().unwrap();
        assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    }
    writeln!(child.stdin.as_mut().unwrap(), "keep-outs").unwrap();
    let said = binary::process::wait_for_text(&mut child, "keep-out violations: 0");
    assert!(!said.contains("violated"), "{said}");
    send_signal(&child, "-INT");
    assert_eq!(next(), serde_json::json!({ "event": "ended", "keep_out_violations": 0 }));
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let table = dir.path().join("table.toml");
    std::fs::write(&table, "").unwrap();
    let message = failure(&mut emulate(table.to_str().unwrap(), &["--keep-outs", "record"]), 2);
    assert!(message.contains("[sites.NAME]"), "{message}");
}

/// The emulated laboratory is the simulated one.
#[test]
fn both_laboratories_have_the_same_places() {
    let sections = |file: &str| -> Table {
        let mut table: Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
        table.retain(|name, _| !["inventory", "cell", "camera", "xarm"].contains(&name));
        table
    };
    let (emulated, simulated) = (sections(EMULATED), sections(SIMULATED));
    assert!(simulated.contains_key("sites") && simulated.contains_key("clearance"));
    assert_eq!(emulated, simulated);
}
