//! What holds after any sequence of requests.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rmrl_inventory::{
    FailedAt, Inventory, Item, ItemId, Layout, Moved, Place, TransferId, World, verify,
};

use crate::cell::{item, layout, open_on, second, slot, stated};
use crate::disks::{FastDisk, quick_folder};

const SLOTS: [&str; 8] =
    ["hotel:1", "hotel:2", "hotel:3", "reader", "bench", "tray", "lids", "nowhere"];
const ITEMS: [&str; 12] = [
    "plate-1",
    "plate-2",
    "plate-1+lid",
    "plate-2+lid",
    "plate-3+lid",
    "dish-1",
    "dish-1+lid",
    "plate-1.lid",
    "plate-2.lid",
    "dish-1.lid",
    "lid-1",
    "lid-2",
];

#[derive(Debug, Clone)]
enum Request {
    Set(Place, Vec<Item>),
    Begin(Place, usize, Option<ItemId>),
    Unlid(usize, usize),
    Relid(Place, usize),
    /// One of the transfers, unlids or relids that are possible: the first number says which of the three, the second which one.
    Possible(usize, usize),
    PutBack,
    Grasped,
    Released(usize),
    Done,
    Failed(FailedAt),
    Settle(ItemId, Option<Place>),
    /// The uncertain item, in one of the places where it can be.
    Look(usize),
    Restart,
}

fn any_place() -> impl Strategy<Value = Place> {
    (0..=SLOTS.len()).prop_map(|n| SLOTS.get(n).map_or(Place::Jaws, |at| Place::Slot(slot(at))))
}

fn any_item() -> impl Strategy<Value = Item> {
    (0..ITEMS.len()).prop_map(|n| item(ITEMS[n]))
}

fn any_request() -> impl Strategy<Value = Request> {
    let failed =
        prop_oneof![Just(FailedAt::AtFrom), Just(FailedAt::InJaws), Just(FailedAt::Unknown)];
    prop_oneof![
        4 => (any_place(), prop::collection::vec(any_item(), 0..4))
            .prop_map(|(at, items)| Request::Set(at, items)),
        20 => (0usize..3, 0usize..100).prop_map(|(kind, n)| Request::Possible(kind, n)),
        4 => (any_place(), 0..SLOTS.len(), prop::option::weighted(0.3, any_item()))
            .prop_map(|(from, to, item)| Request::Begin(from, to, item.map(|item| item.id))),
        4 => (0..SLOTS.len(), 0..SLOTS.len()).prop_map(|(from, to)| Request::Unlid(from, to)),
        4 => (any_place(), 0..SLOTS.len()).prop_map(|(from, to)| Request::Relid(from, to)),
        12 => Just(Request::Grasped),
        1 => Just(Request::PutBack),
        9 => (0..SLOTS.len() + 20).prop_map(Request::Released),
        9 => Just(Request::Done),
        2 => failed.prop_map(Request::Failed),
        2 => (any_item(), prop::option::of(any_place()))
            .prop_map(|(item, at)| Request::Settle(item.id, at)),
        3 => (0usize..3).prop_map(Request::Look),
        1 => Just(Request::Restart),
    ]
}

/// Whether a transfer may begin, by the rules of the glossary and not by the crate's code.
fn may_begin(world: &World, from: &Place, to: usize, item: Option<&ItemId>) -> bool {
    if world.open_transfer().is_some() || world.uncertain().is_some() {
        return false;
    }
    let layout = layout();
    let to = slot(SLOTS[to]);
    let (Some(rule), Some(below)) = (layout.rule(&to), world.slot(&to)) else { return false };
    let top = match from {
        Place::Jaws => world.jaws(),
        Place::Slot(at) if *at == to || world.jaws().is_some() => None,
        Place::Slot(at) => world.slot(at).and_then(<[Item]>::last),
    };
    top.is_some_and(|top| {
        item.is_none_or(|item| *item == top.id)
            && below.len() < rule.capacity
            && rule.accepts.holds(top.labware())
            && (!is_lid(top) || below.last().is_none_or(is_lid))
    })
}

/// By the name of its labware.
fn is_lid(item: &Item) -> bool {
    item.labware().ends_with(".lid")
}

fn may_unlid(world: &World, from: usize, to: usize) -> bool {
    if world.open_transfer().is_some() || world.uncertain().is_some() || world.jaws().is_some() {
        return false;
    }
    let (layout, to) = (layout(), slot(SLOTS[to]));
    let (Some(rule), Some(below)) = (layout.rule(&to), world.slot(&to)) else { return false };
    let plate = world.slot(&slot(SLOTS[from])).and_then(<[Item]>::last);
    plate.is_some_and(|plate| {
        let lid = format!("{}.lid", plate.labware());
        plate.has_lid
            && slot(SLOTS[from]) != to
            && below.len() < rule.capacity
            && rule.accepts.holds(&lid)
            && below.last().is_none_or(is_lid)
            && world.items().all(|item| item.id.as_str() != format!("{}.lid", plate.id))
    })
}

fn may_relid(world: &World, from: &Place, to: usize) -> bool {
    if world.open_transfer().is_some() || world.uncertain().is_some() {
        return false;
    }
    let lid = match from {
        Place::Jaws => world.jaws(),
        Place::Slot(_) if world.jaws().is_some() => None,
        Place::Slot(at) => world.slot(at).and_then(<[Item]>::last),
    };
    let plate = world.slot(&slot(SLOTS[to])).and_then(<[Item]>::last);
    lid.zip(plate).is_some_and(|(lid, plate)| {
        !plate.has_lid && lid.labware() == format!("{}.lid", plate.labware())
    })
}

/// All requests of a kind that are possible now: transfers, unlids or relids.
fn possible(world: &World, kind: usize) -> Vec<Request> {
    let slots = || 0..SLOTS.len();
    let places = || slots().map(|n| Place::Slot(slot(SLOTS[n]))).chain([Place::Jaws]);
    let ways = || places().flat_map(|from| slots().map(move |to| (from.clone(), to)));
    match kind {
        0 => {
            let may = ways().filter(|(from, to)| may_begin(world, from, *to, None));
            may.map(|(from, to)| Request::Begin(from, to, None)).collect()
        }
        1 => {
            let pairs = slots().flat_map(|from| slots().map(move |to| (from, to)));
            let may = pairs.filter(|(from, to)| may_unlid(world, *from, *to));
            may.map(|(from, to)| Request::Unlid(from, to)).collect()
        }
        _ => {
            let may = ways().filter(|(from, to)| may_relid(world, from, *to));
            may.map(|(from, to)| Request::Relid(from, to)).collect()
        }
    }
}

/// A request in the words of the others.
fn plain(world: &World, request: &Request) -> Option<Request> {
    match request {
        Request::Possible(kind, n) => {
            let possible = possible(world, *kind);
            possible.get(n % possible.len().max(1)).cloned()
        }
        Request::Look(n) => {
            let uncertain = world.uncertain()?;
            let place = uncertain.places.iter().nth(n % uncertain.places.len()).cloned();
            Some(Request::Settle(uncertain.item.id.clone(), place))
        }
        plain => Some(plain.clone()),
    }
}

fn ask(inventory: &mut Inventory, request: &Request) -> bool {
    let open = inventory.world().open_transfer().cloned();
    let id = open.as_ref().map_or(TransferId(1), |transfer| transfer.id);
    let now = second(7);
    match request.clone() {
        Request::Set(at, items) => inventory.set(at, items, stated(), now).is_ok(),
        Request::Begin(from, to, item) => {
            let expected = may_begin(inventory.world(), &from, to, item.as_ref());
            let begun = inventory.begin_transfer(&from, &slot(SLOTS[to]), item.as_ref(), now);
            assert_eq!(begun.is_ok(), expected, "{begun:?}");
            expected
        }
        Request::Unlid(from, to) => {
            let expected = may_unlid(inventory.world(), from, to);
            let begun = inventory.begin_unlid(&slot(SLOTS[from]), &slot(SLOTS[to]), now);
            assert_eq!(begun.is_ok(), expected, "{begun:?}");
            expected
        }
        Request::Relid(from, to) => {
            let expected = may_relid(inventory.world(), &from, to);
            let begun = inventory.begin_relid(&from, &slot(SLOTS[to]), now);
            assert_eq!(begun.is_ok(), expected, "{begun:?}");
            expected
        }
        Request::Grasped => inventory.grasped(id, now).is_ok(),
        Request::Released(n) => {
            // Mostly where it was announced, else anywhere, and so sometimes back on the plate.
            let own = open.map_or(slot("reader"), |transfer| transfer.to);
            let at = SLOTS.get(n).map_or(own, |at| slot(at));
            inventory.released(id, &at, None, now).is_ok()
        }
        Request::Done => inventory.done(id, now).is_ok(),
        Request::Failed(at) => inventory.failed(id, at, "why", now).is_ok(),
        Request::Settle(item, at) => inventory.settle(&item, at.as_ref(), stated(), now).is_ok(),
        Request::PutBack => match open.map(|transfer| transfer.from) {
            Some(Place::Slot(from)) => inventory.released(id, &from, None, now).is_ok(),
            _ => false,
        },
        Request::Restart | Request::Possible(..) | Request::Look(_) => false,
    }
}

fn assert_invariants(world: &World, layout: &Layout) {
    let mut ids = BTreeSet::new();
    for item in world.items() {
        assert!(ids.insert(&item.id), "{} is in two places", item.id);
        assert!(world.location(&item.id).is_some());
    }
    for (at, items) in world.slots() {
        let rule = layout.rule(at).unwrap();
        assert!(items.len() <= rule.capacity, "{at} holds {}", items.len());
        assert!(items.iter().all(|item| rule.accepts.holds(item.labware())), "{at}");
        let mut pairs = items.windows(2);
        assert!(pairs.all(|two| is_lid(&two[0]) || !is_lid(&two[1])), "a lid is loose in {at}");
    }
    assert!(world.items().all(|item| !(item.has_lid && is_lid(item))));
    if let Some(uncertain) = world.uncertain() {
        assert!(!uncertain.places.is_empty() && world.open_transfer().is_none());
    }
}

/// How many plates and how many lids of each labware there are, wherever the lids are.
fn census(world: &World) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for item in world.items() {
        *count.entry(item.labware().to_string()).or_default() += 1;
        if item.has_lid {
            *count.entry(format!("{}.lid", item.labware())).or_default() += 1;
        }
    }
    count
}

/// No motion makes or loses a plate or a lid, whatever became of it. Only a person says that one came or went.
fn assert_nothing_is_lost(before: &World, after: &World, request: &Request) {
    match request {
        Request::Set(..) | Request::Settle(_, None) => {}
        _ => assert_eq!(census(after), census(before), "{request:?}"),
    }
    // Plates stay where they are while their lids move.
    if before
        .open_transfer()
        .or(after.open_transfer())
        .is_some_and(|open| open.moved != Moved::Item)
    {
        let plates = before.items().filter(|item| !is_lid(item));
        for plate in plates.filter(|_| !matches!(request, Request::Set(..))) {
            assert_eq!(after.location(&plate.id), before.location(&plate.id), "{request:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_request_breaks_the_world(
        requests in prop::collection::vec(any_request(), 1..160),
        snapshot_every in 1u64..20,
    ) {
        let dir = quick_folder();
        let layout = layout();
        let mut inventory = open_on(dir.path(), FastDisk, snapshot_every);
        for at in ["hotel:1", "bench", "reader", "lids"] {
            crate::cell::set(&mut inventory, at, &[]);
        }
        crate::cell::set(&mut inventory, "bench", &["plate-1", "plate-2+lid"]);
        crate::cell::set(&mut inventory, "tray", &["dish-1+lid"]);
        for request in &requests {
            if matches!(request, Request::Restart) {
                let before = inventory.world().clone();
                drop(inventory);
                inventory = open_on(dir.path(), FastDisk, snapshot_every);
                prop_assert_eq!(inventory.world().open_transfer(), None);
                assert_nothing_is_lost(&before, inventory.world(), request);
            }
            let before = inventory.world().clone();
            let Some(request) = &plain(&before, request) else { continue };
            if ask(&mut inventory, request) {
                prop_assert_eq!(inventory.world().sequence(), before.sequence() + 1);
            } else {
                prop_assert_eq!(inventory.world(), &before);
            }
            assert_invariants(inventory.world(), &layout);
            assert_nothing_is_lost(&before, inventory.world(), request);
        }
        // What is on disk is what is in memory, from the snapshot and from the archive.
        prop_assert_eq!(&World::read(dir.path()).unwrap(), inventory.world());
        prop_assert_eq!(&verify(dir.path()).unwrap(), inventory.world());
    }
}
