//! What holds after any sequence of requests.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rmrl_inventory::{FailedAt, Inventory, Item, ItemId, Layout, Place, TransferId, World, verify};

use crate::cell::{item, layout, open_on, second, slot, stated};
use crate::disks::{FastDisk, quick_folder};

const SLOTS: [&str; 7] = ["hotel:1", "hotel:2", "hotel:3", "reader", "bench", "lids", "nowhere"];
const ITEMS: [&str; 6] = ["plate-1", "plate-2", "plate-3", "plate-4", "lid-1", "lid-2"];

#[derive(Debug, Clone)]
enum Request {
    Set(Place, Vec<Item>),
    Begin(Place, usize, Option<ItemId>),
    Grasped,
    Released(usize),
    Done,
    Failed(FailedAt),
    Settle(ItemId, Option<Place>),
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
        6 => (any_place(), prop::collection::vec(any_item(), 0..4))
            .prop_map(|(at, items)| Request::Set(at, items)),
        6 => (any_place(), 0..SLOTS.len(), prop::option::weighted(0.3, any_item()))
            .prop_map(|(from, to, item)| Request::Begin(from, to, item.map(|item| item.id))),
        4 => Just(Request::Grasped),
        4 => (0..SLOTS.len() + 20).prop_map(Request::Released),
        4 => Just(Request::Done),
        1 => failed.prop_map(Request::Failed),
        2 => (any_item(), prop::option::of(any_place()))
            .prop_map(|(item, at)| Request::Settle(item.id, at)),
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
    })
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
        Request::Grasped => inventory.grasped(id, now).is_ok(),
        Request::Released(n) => {
            // Mostly where it was announced.
            let own = open.map_or(slot("reader"), |transfer| transfer.to);
            let at = SLOTS.get(n).map_or(own, |at| slot(at));
            inventory.released(id, &at, None, now).is_ok()
        }
        Request::Done => inventory.done(id, now).is_ok(),
        Request::Failed(at) => inventory.failed(id, at, "why", now).is_ok(),
        Request::Settle(item, at) => inventory.settle(&item, at.as_ref(), stated(), now).is_ok(),
        Request::Restart => false,
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
    }
    if let Some(uncertain) = world.uncertain() {
        assert!(!uncertain.places.is_empty() && world.open_transfer().is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_request_breaks_the_world(
        requests in prop::collection::vec(any_request(), 1..80),
        snapshot_every in 1u64..20,
    ) {
        let dir = quick_folder();
        let layout = layout();
        let mut inventory = open_on(dir.path(), FastDisk, snapshot_every);
        for at in ["hotel:1", "bench", "reader", "lids"] {
            crate::cell::set(&mut inventory, at, &[]);
        }
        crate::cell::set(&mut inventory, "bench", &["plate-1", "plate-2"]);
        for request in &requests {
            if matches!(request, Request::Restart) {
                drop(inventory);
                inventory = open_on(dir.path(), FastDisk, snapshot_every);
                prop_assert_eq!(inventory.world().open_transfer(), None);
            }
            let before = inventory.world().clone();
            if ask(&mut inventory, request) {
                prop_assert_eq!(inventory.world().sequence(), before.sequence() + 1);
            } else {
                prop_assert_eq!(inventory.world(), &before);
            }
            assert_invariants(inventory.world(), &layout);
        }
        // What is on disk is what is in memory, from the snapshot and from the archive.
        prop_assert_eq!(&World::read(dir.path()).unwrap(), inventory.world());
        prop_assert_eq!(&verify(dir.path()).unwrap(), inventory.world());
    }
}
