//! Lids: off a plate, onto a plate, and what is refused.

use rmrl_inventory::{
    FailedAt, Inventory, InventoryError, Item, Location, Moved, Phase, Place, Refusal, TransferId,
    World,
};

use crate::cell::{
    id, item, items, open, pile, place, second, set, slot, stated, stock, stock_lids,
};

fn stocked() -> (tempfile::TempDir, Inventory) {
    let dir = tempfile::tempdir().unwrap();
    let mut inventory = open(dir.path());
    stock_lids(&mut inventory);
    (dir, inventory)
}

type Begun = Result<TransferId, InventoryError>;

fn transfer(inventory: &mut Inventory, from: &str, to: &str) -> Begun {
    inventory.begin_transfer(&place(from), &slot(to), None, second(2))
}

fn unlid(inventory: &mut Inventory, from: &str, to: &str) -> Begun {
    inventory.begin_unlid(&slot(from), &slot(to), second(2))
}

fn relid(inventory: &mut Inventory, from: &str, to: &str) -> Begun {
    inventory.begin_relid(&place(from), &slot(to), second(2))
}

/// Grasped if it is not yet, released and done.
fn finish(inventory: &mut Inventory, transfer: TransferId, at: &str) {
    if inventory.world().open_transfer().unwrap().phase == Phase::Begun {
        inventory.grasped(transfer, second(3)).unwrap();
    }
    inventory.released(transfer, &slot(at), Some(0.1), second(4)).unwrap();
    inventory.done(transfer, second(5)).unwrap();
}

fn message<T: std::fmt::Debug>(result: Result<T, InventoryError>) -> String {
    match result.unwrap_err() {
        InventoryError::Refused(refusal) => refusal.to_string(),
        InventoryError::Storage(error) => panic!("{error}"),
    }
}

fn at(text: &str) -> Option<Location> {
    Some(Location::At(place(text)))
}

fn either(texts: &[&str]) -> Option<Location> {
    Some(Location::OneOf(texts.iter().map(|text| place(text)).collect()))
}

#[test]
fn a_lid_goes_off_and_on_step_by_step() {
    let (dir, mut inventory) = stocked();
    let lid = id("plate-1.lid");
    assert_eq!(inventory.world().location(&lid), None);
    let off = unlid(&mut inventory, "hotel:1", "lids").unwrap();
    // The lid is on the plate or in the jaws. The plate is certain.
    let open = inventory.world().open_transfer().unwrap();
    assert_eq!((open.moved, &open.item), (Moved::LidOff, &item("plate-1.lid")));
    assert_eq!(inventory.world().location(&lid), either(&["hotel:1", "jaws"]));
    assert_eq!(inventory.world().location(&id("plate-1")), at("hotel:1"));
    assert_eq!(pile(&inventory, "hotel:1"), ["plate-1"]);
    let shown = inventory.world().to_string();
    assert!(shown.contains("plate.lid       lid off: transfer 8 to lids, begun"), "{shown}");
    inventory.grasped(off, second(3)).unwrap();
    assert_eq!(inventory.world().location(&lid), either(&["hotel:1", "jaws", "lids"]));
    inventory.released(off, &slot("lids"), None, second(4)).unwrap();
    assert_eq!(inventory.world().location(&lid), at("lids"));
    inventory.done(off, second(5)).unwrap();
    assert_eq!(inventory.world().top(&slot("lids")), Some(&item("plate-1.lid")));
    assert_eq!(inventory.world().top(&slot("hotel:3")), None);

    let on = relid(&mut inventory, "lids", "hotel:1").unwrap();
    assert_eq!(inventory.world().open_transfer().unwrap().moved, Moved::LidOn);
    assert_eq!(inventory.world().location(&lid), either(&["lids", "jaws"]));
    inventory.grasped(on, second(6)).unwrap();
    assert_eq!(inventory.world().location(&lid), either(&["lids", "jaws", "hotel:1"]));
    assert_eq!(pile(&inventory, "hotel:1"), ["plate-1"]);
    inventory.released(on, &slot("hotel:1"), None, second(7)).unwrap();
    assert_eq!(pile(&inventory, "hotel:1"), ["plate-1+lid"]);
    assert_eq!(inventory.world().location(&lid), None);
    assert!(inventory.world().items().all(|item| item.id != lid));
    inventory.done(on, second(8)).unwrap();
    assert_eq!(World::read(dir.path()).unwrap(), *inventory.world());
}

/// A lidded plate is one item: it goes as a whole, also off a stack.
#[test]
fn a_plate_goes_with_its_lid_and_a_stack_from_the_top() {
    let (_dir, mut inventory) = stocked();
    let top = transfer(&mut inventory, "bench", "reader").unwrap();
    finish(&mut inventory, top, "reader");
    let lidded = transfer(&mut inventory, "bench", "hotel:2").unwrap();
    assert_eq!(inventory.world().open_transfer().unwrap().moved, Moved::Item);
    finish(&mut inventory, lidded, "hotel:2");
    assert_eq!(pile(&inventory, "hotel:2"), ["plate-2+lid"]);
    assert_eq!(pile(&inventory, "bench"), [""; 0]);
    // Onto a lidded plate, too, up to the slot's capacity.
    let stack = transfer(&mut inventory, "hotel:2", "tray").unwrap();
    finish(&mut inventory, stack, "tray");
    assert_eq!(pile(&inventory, "tray"), ["dish-1+lid", "plate-2+lid"]);
    let full = message(transfer(&mut inventory, "reader", "tray"));
    assert!(full.contains("tray holds 2 of at most 2 items"), "{full}");
    // The lid of the lower plate cannot be asked for.
    let off = unlid(&mut inventory, "tray", "lids").unwrap();
    assert_eq!(inventory.world().open_transfer().unwrap().item, item("plate-2.lid"));
    finish(&mut inventory, off, "lids");
    let none = message(unlid(&mut inventory, "tray", "lids"));
    assert!(none.contains("plate-2 in tray has no lid to take off"), "{none}");
}

#[test]
fn a_lid_that_is_put_back_is_released_at_its_plate() {
    let (dir, mut inventory) = stocked();
    let off = unlid(&mut inventory, "hotel:1", "lids").unwrap();
    let early = inventory.released(off, &slot("hotel:1"), None, second(3));
    assert!(message(early).contains("is begun, and cannot be released next"));
    inventory.grasped(off, second(3)).unwrap();
    let elsewhere = message(inventory.released(off, &slot("hotel:2"), None, second(4)));
    assert!(elsewhere.contains("announced to lids, not to hotel:2"), "{elsewhere}");
    inventory.released(off, &slot("hotel:1"), None, second(4)).unwrap();
    assert_eq!(pile(&inventory, "hotel:1"), ["plate-1+lid"]);
    assert_eq!(inventory.world().open_transfer().unwrap().places(), [place("hotel:1")].into());
    assert_eq!(inventory.world().location(&id("plate-1.lid")), None);
    // It stuck to the jaws after all.
    inventory.failed(off, FailedAt::InJaws, "seen", second(5)).unwrap();
    assert_eq!(pile(&inventory, "hotel:1"), ["plate-1"]);
    assert_eq!(pile(&inventory, "lids"), [""; 0]);
    assert_eq!(inventory.world().jaws(), Some(&item("plate-1.lid")));
    assert_eq!(World::read(dir.path()).unwrap(), *inventory.world());
    // Only a lid that was taken off goes back: what was to go elsewhere was never on a plate at `from`.
    let on = relid(&mut inventory, "jaws", "hotel:1").unwrap();
    finish(&mut inventory, on, "hotel:1");
    let plate = transfer(&mut inventory, "hotel:1", "hotel:2").unwrap();
    inventory.grasped(plate, second(6)).unwrap();
    let back = message(inventory.released(plate, &slot("hotel:1"), None, second(6)));
    assert!(back.contains("announced to hotel:2, not to hotel:1"), "{back}");
}

/// What lies alone: `dish-1.lid` on `plate-1.lid` in the park, `plate-9.lid` in `hotel:2`.
fn with_lids_alone() -> (tempfile::TempDir, Inventory) {
    let (dir, mut inventory) = stocked();
    for from in ["hotel:1", "tray"] {
        let off = unlid(&mut inventory, from, "lids").unwrap();
        finish(&mut inventory, off, "lids");
    }
    set(&mut inventory, "hotel:2", &["plate-9.lid"]);
    (dir, inventory)
}

/// A request to begin, from where and to where.
type Ask = fn(&mut Inventory, &str, &str) -> Begun;

fn assert_refused(ask: Ask, cases: &[(&str, &str, &str)]) {
    let (_dir, mut inventory) = with_lids_alone();
    let before = inventory.world().clone();
    for (from, to, expected) in cases {
        let message = message(ask(&mut inventory, from, to));
        assert!(message.contains(expected), "{from} to {to}: {message}\nexpected {expected}");
        assert_eq!(*inventory.world(), before);
    }
}

#[test]
fn impossible_requests_with_lids_are_refused_and_change_nothing() {
    assert_refused(
        unlid,
        &[
            ("reader", "lids", "reader is empty"),
            ("hotel:3", "lids", "nobody has said what lies in hotel:3"),
            ("hotel:9", "lids", "no slot hotel:9"),
            ("hotel:1", "hotel:9", "no slot hotel:9"),
            ("hotel:1", "hotel:2", "plate-1 in hotel:1 has no lid to take off"),
            ("lids", "hotel:2", "dish-1.lid in lids is a lid, expected a plate"),
            ("bench", "hotel:2", "plate-3 in bench has no lid to take off"),
        ],
    );
    assert_refused(
        relid,
        &[
            ("reader", "hotel:1", "reader is empty"),
            ("hotel:3", "hotel:1", "nobody has said what lies in hotel:3"),
            ("hotel:2", "hotel:3", "nobody has said what lies in hotel:3"),
            ("hotel:2", "hotel:2", "plate-9.lid is already in hotel:2"),
            ("hotel:9", "hotel:1", "no slot hotel:9"),
            ("hotel:2", "hotel:9", "no slot hotel:9"),
            ("jaws", "hotel:1", "jaws is empty"),
            ("hotel:2", "reader", "expected a plate without a lid for plate-9.lid"),
            ("hotel:2", "lids", "dish-1.lid in lids is a lid, expected a plate"),
            ("hotel:2", "tray", "is the lid of a plate, and dish-1 is a dish"),
            ("lids", "hotel:1", "is the lid of a dish, and plate-1 is a plate"),
            ("bench", "hotel:1", "plate-3 in bench is no lid"),
        ],
    );
    assert_refused(
        transfer,
        &[
            ("hotel:2", "hotel:1", "a lid and would lie loose on plate-1 in hotel:1"),
            ("hotel:2", "bench", "would lie loose on plate-3 in bench"),
            ("hotel:2", "reader", "plate-9.lid is a plate.lid, and reader accepts plate;"),
            ("hotel:2", "lids", "lids holds 2 of at most 2 items"),
            ("bench", "lids", "lids holds 2 of at most 2 items"),
        ],
    );
}

#[test]
fn the_item_that_is_asked_for_has_to_be_on_top() {
    let (_dir, mut inventory) = with_lids_alone();
    for (from, item, expected) in [
        ("bench", "plate-2.lid", "is not in bench: it is on plate-2, and has to be taken off"),
        ("bench", "plate-2", "plate-2 lies under plate-3 in bench"),
        ("lids", "plate-1", "plate-1 is not in lids: it is in hotel:1"),
        ("lids", "plate-1.lid", "plate-1.lid lies under dish-1.lid in lids"),
    ] {
        let (from, to, item) = (place(from), slot("reader"), id(item));
        let message = message(inventory.begin_transfer(&from, &to, Some(&item), second(2)));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn nothing_begins_while_a_lid_is_moving_held_or_uncertain() {
    let (_dir, mut inventory) = with_lids_alone();
    let requests: [Ask; 3] = [transfer, unlid, relid];
    let refuse_all = |inventory: &mut Inventory, expected: &str| {
        for ask in requests {
            let message = message(ask(inventory, "hotel:2", "hotel:1"));
            assert!(message.contains(expected), "{message}");
        }
    };
    let on = relid(&mut inventory, "hotel:2", "hotel:1").unwrap();
    refuse_all(&mut inventory, "still moves plate-9.lid");
    inventory.failed(on, FailedAt::InJaws, "hotel closed", second(3)).unwrap();
    set(&mut inventory, "hotel:2", &["plate-8.lid"]);
    refuse_all(&mut inventory, "the jaws hold plate-9.lid");
    let on = relid(&mut inventory, "jaws", "hotel:1").unwrap();
    inventory.failed(on, FailedAt::Unknown, "dropped", second(3)).unwrap();
    refuse_all(&mut inventory, "uncertain where plate-9.lid is");
}

#[test]
fn a_lid_is_named_once_and_lies_only_where_its_labware_may() {
    let (_dir, mut inventory) = stocked();
    // Its own labware is accepted, the plate's is another one.
    let off = message(unlid(&mut inventory, "hotel:1", "reader"));
    assert!(off.contains("plate-1.lid is a plate.lid, and reader accepts plate"), "{off}");
    let off = message(unlid(&mut inventory, "hotel:1", "tray"));
    assert!(off.contains("plate-1.lid is a lid and would lie loose on dish-1 in tray"), "{off}");
    let same = message(unlid(&mut inventory, "hotel:1", "hotel:1"));
    assert!(same.contains("plate-1.lid is already in hotel:1"), "{same}");
    // Anywhere where any may lie.
    let off = unlid(&mut inventory, "hotel:1", "hotel:2").unwrap();
    finish(&mut inventory, off, "hotel:2");
    // The plate got another lid: the name of its first one is taken.
    set(&mut inventory, "hotel:1", &["plate-1+lid"]);
    let taken = message(unlid(&mut inventory, "hotel:1", "lids"));
    let expected = "the lid of plate-1 would be plate-1.lid, but there is one: it is in hotel:2";
    assert!(taken.contains(expected), "{taken}");
    // A lid fits onto every plate of its labware; there it is that plate's.
    let on = transfer(&mut inventory, "bench", "reader").unwrap();
    finish(&mut inventory, on, "reader");
    let on = message(relid(&mut inventory, "hotel:2", "bench"));
    assert!(on.contains("plate-2 in bench has a lid already"), "{on}");
    let on = relid(&mut inventory, "hotel:2", "reader").unwrap();
    finish(&mut inventory, on, "reader");
    let off = unlid(&mut inventory, "reader", "lids").unwrap();
    assert_eq!(inventory.world().open_transfer().unwrap().item, item("plate-3.lid"));
    finish(&mut inventory, off, "lids");
    let off = unlid(&mut inventory, "hotel:1", "lids").unwrap();
    finish(&mut inventory, off, "lids");
    assert_eq!(pile(&inventory, "lids"), ["plate-3.lid", "plate-1.lid"]);
    let full = message(unlid(&mut inventory, "bench", "lids"));
    assert!(full.contains("lids holds 2 of at most 2 items"), "{full}");
    // A name that would be too long.
    let long = Item::new(id(&"x".repeat(61)), "plate", true).unwrap();
    inventory.set(place("hotel:1"), vec![long], stated(), second(6)).unwrap();
    let message = message(unlid(&mut inventory, "hotel:1", "hotel:2"));
    assert!(message.contains("longer than 64") && message.contains("shorter name"), "{message}");
}

#[test]
fn what_is_said_of_lids_has_to_be_possible() {
    let (_dir, mut inventory) = stocked();
    let mut lidded = item("plate-8.lid");
    lidded.has_lid = true;
    for (at, items, expected) in [
        ("hotel:2", vec![lidded], "plate-8.lid is a lid, and a lid has no lid"),
        ("bench", items(&["plate-2", "plate-8.lid"]), "would lie loose on plate-2 in bench"),
        ("bench", items(&["plate-2", "dish-8.lid"]), "would lie loose on plate-2 in bench"),
        ("bench", items(&["plate-2+lid", "plate-8.lid"]), "would lie loose on plate-2"),
        (
            "tray",
            items(&["plate-8.lid"]),
            "plate-8.lid is a plate.lid, and tray accepts dish, plate",
        ),
    ] {
        let message = message(inventory.set(place(at), items, stated(), second(2)));
        assert!(message.contains(expected), "{message}");
    }
    set(&mut inventory, "lids", &["plate-7.lid", "dish-7.lid"]);
    set(&mut inventory, "jaws", &["plate-8.lid"]);
}

/// What an operator finds after a transfer of a lid that left it uncertain, and says with `settle` or `set`.
fn uncertain(is_off: bool) -> (tempfile::TempDir, Inventory) {
    let (dir, mut inventory) = stocked();
    let off = unlid(&mut inventory, "hotel:1", "lids").unwrap();
    if is_off {
        inventory.grasped(off, second(3)).unwrap();
        inventory.failed(off, FailedAt::Unknown, "not seen", second(3)).unwrap();
        return (dir, inventory);
    }
    finish(&mut inventory, off, "lids");
    let on = relid(&mut inventory, "lids", "hotel:1").unwrap();
    inventory.grasped(on, second(3)).unwrap();
    drop(inventory);
    let inventory = open(dir.path());
    (dir, inventory)
}

#[test]
fn an_uncertain_lid_is_settled_on_a_plate_or_beside_it() {
    let lid = id("plate-1.lid");
    for is_off in [true, false] {
        let settle = |inventory: &mut Inventory, at: Option<&str>| {
            let at = at.map(place);
            inventory.settle(&id("plate-1.lid"), at.as_ref(), stated(), second(5))
        };
        let (_dir, inventory) = uncertain(is_off);
        assert_eq!(inventory.world().location(&lid), either(&["hotel:1", "jaws", "lids"]));
        // On its plate, or on another one that lacks a lid.
        for (at, expected) in
            [("hotel:1", vec!["plate-1+lid"]), ("bench", vec!["plate-2+lid", "plate-3+lid"])]
        {
            let (dir, mut inventory) = uncertain(is_off);
            settle(&mut inventory, Some(at)).unwrap();
            assert_eq!(pile(&inventory, at), expected);
            assert_eq!(
                (inventory.world().location(&lid), inventory.world().uncertain()),
                (None, None)
            );
            assert_eq!(World::read(dir.path()).unwrap(), *inventory.world());
        }
        // Also in a slot that is full and takes no lids.
        let (_dir, mut inventory) = uncertain(is_off);
        set(&mut inventory, "reader", &["plate-4"]);
        settle(&mut inventory, Some("reader")).unwrap();
        assert_eq!(pile(&inventory, "reader"), ["plate-4+lid"]);
        for (at, is_alone) in
            [(Some("lids"), true), (Some("jaws"), true), (Some("hotel:2"), true), (None, false)]
        {
            let (_dir, mut inventory) = uncertain(is_off);
            settle(&mut inventory, at).unwrap();
            assert_eq!(inventory.world().location(&lid).is_some(), is_alone);
            assert_eq!(pile(&inventory, "hotel:1"), ["plate-1"]);
        }
        let (_dir, mut inventory) = uncertain(is_off);
        set(&mut inventory, "hotel:2", &["plate-8+lid"]);
        for (at, expected) in [
            ("hotel:2", "plate-8 in hotel:2 has a lid already"),
            ("tray", "plate-1.lid is the lid of a plate, and dish-1 is a dish"),
            ("reader", "plate-1.lid is a plate.lid, and reader accepts plate"),
            ("hotel:3", "nobody has said"),
            ("hotel:9", "nobody has said"),
        ] {
            let message = message(settle(&mut inventory, Some(at)));
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[test]
fn an_uncertain_lid_is_found_by_saying_what_lies_where() {
    let lid = id("plate-1.lid");
    for is_off in [true, false] {
        // The plate that it was taken from, or was to come onto, has a lid.
        let (_dir, mut inventory) = uncertain(is_off);
        set(&mut inventory, "hotel:1", &["plate-1+lid"]);
        assert_eq!((inventory.world().location(&lid), inventory.world().uncertain()), (None, None));
        // It lies in the park, or is in the jaws.
        for at in ["lids", "jaws"] {
            let (_dir, mut inventory) = uncertain(is_off);
            set(&mut inventory, at, &["plate-1.lid"]);
            assert_eq!(inventory.world().location(&lid), self::at(at));
        }
        // The plate has none: the lid is somewhere else.
        let (_dir, mut inventory) = uncertain(is_off);
        set(&mut inventory, "hotel:1", &["plate-1"]);
        assert_eq!(inventory.world().location(&lid), either(&["jaws", "lids"]));
        // Another lid came onto it: that does not say where the first one is.
        set(&mut inventory, "hotel:1", &["plate-1+lid"]);
        assert_eq!(inventory.world().location(&lid), either(&["jaws", "lids"]));
        // Neither does another plate in its place.
        let (_dir, mut inventory) = uncertain(is_off);
        set(&mut inventory, "hotel:1", &["plate-8+lid"]);
        assert_eq!(inventory.world().location(&lid), either(&["jaws", "lids"]));
        set(&mut inventory, "lids", &[]);
        set(&mut inventory, "jaws", &[]);
        assert_eq!((inventory.world().location(&lid), inventory.world().uncertain()), (None, None));
    }
}

/// Every end of a transfer of a lid, in each phase: where the lid is, and whether the plate has it.
#[test]
fn a_failed_lid_is_where_it_is_said_to_be() {
    use FailedAt::{AtFrom, InJaws, Unknown};
    for (is_off, steps, failed, lid, plate) in [
        (true, 0, AtFrom, None, "plate-1+lid"),
        (true, 1, AtFrom, None, "plate-1+lid"),
        (true, 0, InJaws, at("jaws"), "plate-1"),
        (true, 1, InJaws, at("jaws"), "plate-1"),
        (true, 2, InJaws, at("jaws"), "plate-1"),
        (true, 0, Unknown, either(&["hotel:1", "jaws"]), "plate-1"),
        (true, 1, Unknown, either(&["hotel:1", "jaws", "lids"]), "plate-1"),
        (true, 2, Unknown, either(&["jaws", "lids"]), "plate-1"),
        (false, 0, AtFrom, at("lids"), "plate-1"),
        (false, 1, AtFrom, at("lids"), "plate-1"),
        (false, 0, InJaws, at("jaws"), "plate-1"),
        (false, 1, InJaws, at("jaws"), "plate-1"),
        (false, 2, InJaws, at("jaws"), "plate-1"),
        (false, 0, Unknown, either(&["jaws", "lids"]), "plate-1"),
        (false, 1, Unknown, either(&["hotel:1", "jaws", "lids"]), "plate-1"),
        (false, 2, Unknown, either(&["hotel:1", "jaws"]), "plate-1"),
    ] {
        let (dir, mut inventory) = stocked();
        let (mut id, mut to) = (unlid(&mut inventory, "hotel:1", "lids").unwrap(), "lids");
        if !is_off {
            finish(&mut inventory, id, "lids");
            (id, to) = (relid(&mut inventory, "lids", "hotel:1").unwrap(), "hotel:1");
        }
        if steps > 0 {
            inventory.grasped(id, second(3)).unwrap();
        }
        if steps > 1 {
            inventory.released(id, &slot(to), None, second(3)).unwrap();
            let back = message(inventory.failed(id, AtFrom, "slipped", second(3)));
            assert!(back.contains("is released, and cannot be failed next"), "{back}");
        }
        inventory.failed(id, failed, "slipped", second(4)).unwrap();
        let case = format!("{is_off} {steps} {failed:?}");
        assert_eq!(inventory.world().location(&crate::cell::id("plate-1.lid")), lid, "{case}");
        assert_eq!(pile(&inventory, "hotel:1"), [plate], "{case}");
        assert_eq!(World::read(dir.path()).unwrap(), *inventory.world(), "{case}");
    }
}

/// From the jaws a lid goes onto a plate or into a slot, and nothing else begins.
#[test]
fn a_lid_in_the_jaws_can_be_put_on_or_down() {
    let held = || {
        let (dir, mut inventory) = stocked();
        let off = unlid(&mut inventory, "hotel:1", "lids").unwrap();
        inventory.failed(off, FailedAt::InJaws, "park is closed", second(3)).unwrap();
        (dir, inventory)
    };
    let (_dir, mut inventory) = held();
    let on = relid(&mut inventory, "jaws", "hotel:1").unwrap();
    assert_eq!(inventory.world().open_transfer().unwrap().phase, Phase::Grasped);
    assert_eq!(inventory.world().location(&id("plate-1.lid")), either(&["hotel:1", "jaws"]));
    finish(&mut inventory, on, "hotel:1");
    assert_eq!(pile(&inventory, "hotel:1"), ["plate-1+lid"]);
    let (_dir, mut inventory) = held();
    let down = transfer(&mut inventory, "jaws", "lids").unwrap();
    finish(&mut inventory, down, "lids");
    assert_eq!(pile(&inventory, "lids"), ["plate-1.lid"]);
    // While it moves, nobody says what is where it goes, nor that it is elsewhere.
    let (_dir, mut inventory) = stocked();
    unlid(&mut inventory, "hotel:1", "lids").unwrap();
    for (at, texts) in [
        ("hotel:1", &["plate-1+lid"][..]),
        ("lids", &[]),
        ("jaws", &[]),
        ("hotel:2", &["plate-1.lid"]),
    ] {
        let result = inventory.set(place(at), items(texts), stated(), second(2));
        let error = result.unwrap_err();
        assert!(
            matches!(error, InventoryError::Refused(Refusal::TransferOpen { .. })),
            "{at}: {error}"
        );
    }
}

/// Items that are called lids but are not of labware `NAME.lid` stay items as any other.
#[test]
fn only_labware_that_says_so_is_a_lid() {
    let dir = tempfile::tempdir().unwrap();
    let mut inventory = open(dir.path());
    stock(&mut inventory);
    let message = message(relid(&mut inventory, "lids", "hotel:1"));
    assert!(message.contains("lid-1 in lids is no lid, expected one of labware"), "{message}");
    let onto =
        inventory.begin_transfer(&Place::Slot(slot("lids")), &slot("bench"), None, second(2));
    finish(&mut inventory, onto.unwrap(), "bench");
    assert_eq!(pile(&inventory, "bench"), ["plate-2", "plate-3", "lid-1"]);
}
