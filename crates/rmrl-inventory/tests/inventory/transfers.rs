//! Transfers, statements, and what is refused.

use rmrl_inventory::{
    FailedAt, Inventory, InventoryError, Layout, Location, Phase, Place, Refusal, SlotRule,
    StatedBy, TransferId, World,
};

use crate::cell::{
    id, in_slot, item, items, layout, open, place, second, set, slot, stated, stock,
};

fn stocked() -> (tempfile::TempDir, Inventory) {
    let dir = tempfile::tempdir().unwrap();
    let mut inventory = open(dir.path());
    stock(&mut inventory);
    (dir, inventory)
}

fn begin(inventory: &mut Inventory, from: &str, to: &str) -> Result<TransferId, InventoryError> {
    inventory.begin_transfer(&place(from), &slot(to), None, second(2))
}

fn refused<T: std::fmt::Debug>(result: Result<T, InventoryError>) -> Refusal {
    match result.unwrap_err() {
        InventoryError::Refused(refusal) => refusal,
        InventoryError::Storage(error) => panic!("{error}"),
    }
}

fn either(texts: &[&str]) -> Option<Location> {
    Some(Location::OneOf(texts.iter().map(|text| place(text)).collect()))
}

#[test]
fn a_transfer_moves_the_item_step_by_step() {
    let (dir, mut inventory) = stocked();
    let plate = id("plate-3");
    let transfer = begin(&mut inventory, "bench", "reader").unwrap();
    assert_eq!(inventory.world().location(&plate), either(&["bench", "jaws"]));
    assert_eq!(in_slot(&inventory, "bench"), ["plate-2"]);
    inventory.grasped(transfer, second(3)).unwrap();
    assert_eq!(inventory.world().location(&plate), either(&["jaws", "reader"]));
    inventory.released(transfer, &slot("reader"), Some(0.2), second(4)).unwrap();
    assert_eq!(inventory.world().location(&plate), Some(Location::At(place("reader"))));
    assert_eq!(inventory.world().open_transfer().unwrap().phase, Phase::Released);
    // The arm still stands at the reader.
    let error = refused(begin(&mut inventory, "bench", "hotel:2"));
    assert!(matches!(error, Refusal::TransferOpen { .. }), "{error}");
    inventory.done(transfer, second(5)).unwrap();
    assert_eq!(inventory.world().open_transfer(), None);
    assert_eq!(in_slot(&inventory, "reader"), ["plate-3"]);
    assert_eq!(World::read(dir.path()).unwrap(), *inventory.world());
}

#[test]
fn impossible_transfers_are_refused_and_change_nothing() {
    let (_dir, mut inventory) = stocked();
    let before = inventory.world().clone();
    for (from, to, item, expected) in [
        ("hotel:2", "reader", None, "hotel:2 is empty"),
        ("hotel:3", "reader", None, "nobody has said what lies in hotel:3"),
        ("hotel:1", "hotel:3", None, "nobody has said what lies in hotel:3"),
        ("jaws", "reader", None, "jaws is empty"),
        ("hotel:9", "reader", None, "no slot hotel:9, expected one of bench, hotel:1"),
        ("hotel:1", "hotel:9", None, "no slot hotel:9"),
        ("hotel:1", "hotel:1", None, "plate-1 is already in hotel:1"),
        ("lids", "hotel:1", None, "hotel:1 holds 1 of at most 1 items"),
        ("lids", "reader", None, "lid-1 is a lid, and reader accepts plate"),
        ("bench", "reader", Some("plate-2"), "plate-2 lies under plate-3 in bench"),
        ("bench", "reader", Some("plate-1"), "plate-1 is not in bench: it is in hotel:1"),
        ("bench", "reader", Some("plate-9"), "the cell has no such item"),
    ] {
        let item = item.map(id);
        let result = inventory.begin_transfer(&place(from), &slot(to), item.as_ref(), second(2));
        let message = refused(result).to_string();
        assert!(message.contains(expected), "{message}");
        assert_eq!(*inventory.world(), before);
    }
    begin(&mut inventory, "hotel:1", "reader").unwrap();
    let message = refused(begin(&mut inventory, "bench", "hotel:2")).to_string();
    assert!(message.contains("transfer 7 still moves plate-1"), "{message}");
}

#[test]
fn steps_come_in_their_order() {
    let (_dir, mut inventory) = stocked();
    let reader = slot("reader");
    let none = refused(inventory.grasped(TransferId(7), second(2))).to_string();
    assert!(none.contains("transfer 7 is not open; none is"), "{none}");
    let transfer = begin(&mut inventory, "hotel:1", "reader").unwrap();
    let early = refused(inventory.released(transfer, &reader, None, second(2))).to_string();
    assert!(early.contains("is begun, and cannot be released next"), "{early}");
    let other = refused(inventory.grasped(TransferId(3), second(2))).to_string();
    assert!(other.contains("transfer 3 is not open; transfer 7 is"), "{other}");
    inventory.grasped(transfer, second(3)).unwrap();
    assert!(inventory.grasped(transfer, second(3)).is_err());
    let elsewhere = inventory.released(transfer, &slot("hotel:2"), None, second(3));
    let message = refused(elsewhere).to_string();
    assert!(message.contains("announced to reader, not to hotel:2"), "{message}");
    for error_mm in [f64::NAN, f64::INFINITY, -0.1] {
        let result = inventory.released(transfer, &reader, Some(error_mm), second(3));
        assert!(matches!(refused(result), Refusal::InvalidError { .. }));
    }
    assert!(inventory.done(transfer, second(3)).is_err());
    inventory.released(transfer, &reader, None, second(4)).unwrap();
    let back = refused(inventory.failed(transfer, FailedAt::AtFrom, "slipped", second(4)));
    assert!(matches!(back, Refusal::OutOfOrder { .. }), "{back}");
    inventory.done(transfer, second(4)).unwrap();
}

#[test]
fn a_failed_transfer_leaves_the_item_where_it_is_said_to_be() {
    let (_dir, mut inventory) = stocked();
    let first = begin(&mut inventory, "bench", "reader").unwrap();
    inventory.failed(first, FailedAt::AtFrom, "nothing grasped", second(3)).unwrap();
    assert_eq!(in_slot(&inventory, "bench"), ["plate-2", "plate-3"]);
    // In the jaws: only a transfer from there is possible, and it begins as grasped.
    let second_try = begin(&mut inventory, "bench", "reader").unwrap();
    inventory.grasped(second_try, second(3)).unwrap();
    inventory.failed(second_try, FailedAt::InJaws, "reader closed", second(3)).unwrap();
    assert_eq!(inventory.world().jaws(), Some(&item("plate-3")));
    let message = refused(begin(&mut inventory, "hotel:1", "hotel:2")).to_string();
    assert!(message.contains("the jaws hold plate-3"), "{message}");
    let from_jaws = begin(&mut inventory, "jaws", "hotel:2").unwrap();
    assert_eq!(inventory.world().open_transfer().unwrap().phase, Phase::Grasped);
    inventory.released(from_jaws, &slot("hotel:2"), None, second(4)).unwrap();
    // It stuck to the jaws after all.
    inventory.failed(from_jaws, FailedAt::Unknown, "not seen", second(4)).unwrap();
    assert_eq!(inventory.world().location(&id("plate-3")), either(&["hotel:2", "jaws"]));
    assert_eq!(in_slot(&inventory, "hotel:2"), [""; 0]);
    let blank = refused(inventory.failed(from_jaws, FailedAt::InJaws, " ", second(4)));
    assert!(matches!(blank, Refusal::Blank { .. }), "{blank}");
}

/// The three instants at which a process can die in a transfer, and what is known afterwards.
#[test]
fn an_interrupted_transfer_is_uncertain_until_the_item_was_released() {
    for (steps, expected) in [
        (0, either(&["hotel:1", "jaws"])),
        (1, either(&["jaws", "reader"])),
        (2, Some(Location::At(place("reader")))),
    ] {
        let (dir, mut inventory) = stocked();
        let transfer = begin(&mut inventory, "hotel:1", "reader").unwrap();
        if steps > 0 {
            inventory.grasped(transfer, second(3)).unwrap();
        }
        if steps > 1 {
            inventory.released(transfer, &slot("reader"), None, second(3)).unwrap();
        }
        drop(inventory);
        let mut inventory = open(dir.path());
        assert_eq!(inventory.world().location(&id("plate-1")), expected);
        assert_eq!(inventory.world().open_transfer(), None);
        assert_eq!(inventory.world().uncertain().is_some(), steps < 2);
        // Opened once more, nothing new is found.
        let world = inventory.world().clone();
        drop(inventory);
        inventory = open(dir.path());
        assert_eq!(*inventory.world(), world);
        let next = begin(&mut inventory, "bench", "hotel:2");
        if steps == 2 {
            next.unwrap();
            continue;
        }
        let message = refused(next).to_string();
        for part in ["uncertain where plate-1 is", "transfer 7", "`rmrl cell inventory set"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(inventory.grasped(transfer, second(4)).is_err());
        let settled = Some(place("hotel:1"));
        inventory.settle(&id("plate-1"), settled.as_ref(), stated(), second(5)).unwrap();
        assert_eq!(in_slot(&inventory, "hotel:1"), ["plate-1"]);
        begin(&mut inventory, "hotel:1", "reader").unwrap();
    }
}

#[test]
fn an_operator_settles_by_words_or_by_saying_what_lies_where() {
    let uncertain = || {
        let (dir, mut inventory) = stocked();
        let transfer = begin(&mut inventory, "hotel:1", "reader").unwrap();
        inventory.failed(transfer, FailedAt::Unknown, "camera lost it", second(3)).unwrap();
        (dir, inventory)
    };
    let plate = id("plate-1");
    let settle = |inventory: &mut Inventory, at: Option<&str>| {
        let at = at.map(place);
        inventory.settle(&id("plate-1"), at.as_ref(), stated(), second(4))
    };
    for at in ["hotel:1", "jaws", "hotel:2", "bench"] {
        let (_dir, mut inventory) = uncertain();
        settle(&mut inventory, Some(at)).unwrap();
        assert_eq!(inventory.world().location(&plate), Some(Location::At(place(at))));
        assert_eq!(inventory.world().uncertain(), None);
        let again = refused(settle(&mut inventory, Some(at))).to_string();
        assert!(again.contains(&format!("it is in {at}")), "{again}");
    }
    // Taken out of the cell.
    let (_dir, mut inventory) = uncertain();
    settle(&mut inventory, None).unwrap();
    assert_eq!(inventory.world().location(&plate), None);
    // Settled where it does not fit.
    let (_dir, mut inventory) = uncertain();
    set(&mut inventory, "hotel:2", &["plate-8"]);
    for (at, expected) in [
        ("hotel:2", "holds 1 of"),
        ("hotel:3", "nobody has said"),
        ("lids", "accepts dish.lid, lid"),
    ] {
        let message = refused(settle(&mut inventory, Some(at))).to_string();
        assert!(message.contains(expected), "{message}");
    }
    let other = refused(inventory.settle(&id("plate-2"), None, stated(), second(4))).to_string();
    assert!(other.contains("nothing is uncertain about plate-2: it is in bench"), "{other}");
    // That a place is empty does not say that it is in the other one.
    set(&mut inventory, "hotel:1", &[]);
    assert_eq!(inventory.world().location(&plate), either(&["jaws"]));
    assert!(begin(&mut inventory, "bench", "reader").is_err());
    set(&mut inventory, "jaws", &[]);
    assert_eq!((inventory.world().location(&plate), inventory.world().uncertain()), (None, None));
    // That it lies somewhere does.
    let (_dir, mut inventory) = uncertain();
    set(&mut inventory, "reader", &["plate-1"]);
    assert_eq!(inventory.world().location(&plate), Some(Location::At(place("reader"))));
}

#[test]
fn statements_that_cannot_be_are_refused() {
    let (_dir, mut inventory) = stocked();
    for (at, texts, expected) in [
        ("hotel:2", &["plate-8", "plate-9"][..], "holds 0 of at most 1 items; 2 more"),
        ("hotel:9", &[], "no slot hotel:9"),
        ("lids", &["plate-8"], "lids accepts dish.lid, lid"),
        ("hotel:2", &["plate-1"], "plate-1 is already in hotel:1"),
        ("jaws", &["plate-1"], "plate-1 is already in hotel:1"),
        ("bench", &["plate-8", "plate-8"], "plate-8 is already in the list for bench"),
        ("jaws", &["plate-8", "plate-9"], "at most one item, got 2"),
    ] {
        let result = inventory.set(place(at), items(texts), stated(), second(2));
        let message = refused(result).to_string();
        assert!(message.contains(expected), "{message}");
    }
    let nobody = StatedBy { by: String::new(), reason: "looked".into() };
    let message = refused(inventory.set(Place::Jaws, vec![], nobody, second(2))).to_string();
    assert!(message.contains("`by` is empty"), "{message}");
    // While the arm moves, nobody says what is where it goes; elsewhere anybody may.
    begin(&mut inventory, "hotel:1", "reader").unwrap();
    for (at, texts) in
        [("hotel:1", &[][..]), ("reader", &[]), ("jaws", &[]), ("bench", &["plate-1"])]
    {
        let result = inventory.set(place(at), items(texts), stated(), second(2));
        assert!(matches!(refused(result), Refusal::TransferOpen { .. }), "{at}");
    }
    set(&mut inventory, "hotel:3", &["plate-9"]);
}

#[test]
fn what_a_new_layout_does_not_allow_is_reported_and_can_be_brought_away() {
    let (dir, inventory) = stocked();
    assert_eq!(inventory.conflicts(), []);
    drop(inventory);
    let smaller = layout().with(slot("bench"), SlotRule::default());
    let mut inventory = Inventory::open(dir.path(), smaller, second(9)).unwrap();
    let conflicts: Vec<String> = inventory.conflicts().iter().map(Refusal::to_string).collect();
    assert!(conflicts[0].contains("bench holds 0 of at most 1 items; 2 more"), "{conflicts:?}");
    begin(&mut inventory, "bench", "reader").unwrap();
    drop(inventory);
    let none = Inventory::open(dir.path(), Layout::default(), second(9)).unwrap();
    assert_eq!(none.conflicts().len(), 3);
}

#[test]
fn the_world_is_shown_as_a_table_and_as_json() {
    let (_dir, mut inventory) = stocked();
    let transfer = begin(&mut inventory, "bench", "reader").unwrap();
    let moving = inventory.world().to_string();
    assert!(moving.contains("plate-3?  plate         transfer 7 to reader, begun"), "{moving}");
    inventory.grasped(transfer, second(3)).unwrap();
    inventory.failed(transfer, FailedAt::Unknown, "lost", second(3)).unwrap();
    let expected = "\
place    item      labware  lid
bench    plate-2   plate
hotel:1  plate-1   plate
hotel:2  -
lids     lid-1     lid
reader   plate-3?  plate         uncertain: look, and say where it is
jaws     plate-3?  plate         uncertain: look, and say where it is
";
    assert_eq!(inventory.world().to_string(), expected);
    let json = serde_json::to_value(inventory.world()).unwrap();
    assert_eq!(json["slots"]["hotel:1"][0]["id"], "plate-1");
    assert_eq!(json["uncertain"]["places"], serde_json::json!(["reader", "jaws"]));
    assert_eq!(json["jaws"], serde_json::Value::Null);
    let world: World = serde_json::from_value(json).unwrap();
    assert_eq!(world, *inventory.world());
}
