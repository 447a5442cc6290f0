//! Which transfers a qualification makes.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rmrl_core::random_stream;
use rmrl_inventory::{Item, Layout, Place, SlotAddress, World};

use super::piles::{Origin, Pair, Piles, most_moves_home};
use crate::request::Request;

/// Which transfers are made, one after the other: every ordered pair of slots between which an item can be moved is used about
/// equally often, and at the end everything lies where it lay, where this is possible. The same worlds and seed give the same
/// transfers.
///
/// Items move as they are, a plate with its lid; lids are not taken off or put on.
#[derive(Debug, Clone, PartialEq)]
pub struct QualificationPlan {
    layout: Layout,
    origin: Origin,
    transfers: usize,
    seed: u64,
    asked: usize,
    uses: BTreeMap<Pair, usize>,
    closed: BTreeSet<Pair>,
    closed_from_jaws: BTreeSet<SlotAddress>,
    last: Option<SlotAddress>,
}

impl QualificationPlan {
    /// A plan of `transfers` transfers between the slots of `layout`, in which lies what `world` says.
    pub fn new(layout: &Layout, world: &World, transfers: usize, seed: u64) -> Self {
        Self {
            layout: layout.clone(),
            origin: Piles::of(layout, world).origin(),
            transfers,
            seed,
            asked: 0,
            uses: BTreeMap::new(),
            closed: BTreeSet::new(),
            closed_from_jaws: BTreeSet::new(),
            last: None,
        }
    }

    /// The next transfer, given what lies where now. An item in the jaws is put down first. `None` if the plan is complete, if
    /// nobody knows where an item is, or if nothing can be moved: [`QualificationPlan::left`] tells the first from the others.
    pub fn next(&mut self, world: &World) -> Option<Request> {
        if self.left() == 0 || world.uncertain().is_some() || world.open_transfer().is_some() {
            return None;
        }
        let (from, to) = match world.jaws() {
            Some(item) => (Place::Jaws, self.out_of_jaws(item, world)?),
            None => {
                let pair = self.next_pair(world)?;
                *self.uses.entry(pair.clone()).or_default() += 1;
                (Place::Slot(pair.0), pair.1)
            }
        };
        self.asked += 1;
        self.last = Some(to.clone());
        Some(Request::Move { from, to })
    }

    /// Takes a transfer back that the cell refused before anything moved. It is not asked again, and another is made instead.
    pub fn exclude(&mut self, request: &Request) {
        match request.from() {
            Place::Slot(from) => {
                let pair = (from, request.to().clone());
                self.uses.remove(&pair);
                self.closed.insert(pair);
            }
            Place::Jaws => drop(self.closed_from_jaws.insert(request.to().clone())),
        }
        self.asked = self.asked.saturating_sub(1);
    }

    /// How many transfers are left to make.
    pub fn left(&self) -> usize {
        self.transfers - self.asked
    }

    /// Where the item in the jaws is put: where it should have been brought, or else anywhere.
    fn out_of_jaws(&self, item: &Item, world: &World) -> Option<SlotAddress> {
        let piles = Piles::of(&self.layout, world);
        let known = world.slots().map(|(slot, _)| slot);
        let takes = |slot: &&SlotAddress| {
            piles.has_room(slot, item) && !self.closed_from_jaws.contains(*slot)
        };
        let mut open: Vec<&SlotAddress> = known.filter(takes).collect();
        open.sort_by_key(|slot| self.last.as_ref() != Some(*slot));
        open.first().map(|slot| (*slot).clone())
    }

    /// The pair that was used least so far; among equals the one after which one can be moved that was used least, and among
    /// these one by chance.
    fn next_pair(&self, world: &World) -> Option<Pair> {
        let piles = Piles::of(&self.layout, world);
        let open = self.open(&piles);
        let in_time: Vec<Pair> =
            open.iter().filter(|pair| self.is_home_in_time(&piles.after(pair))).cloned().collect();
        let candidates = if in_time.is_empty() { open } else { in_time };
        let mut chance = random_stream(self.seed, "qualification plan", [self.asked as u64, 0]);
        candidates.into_iter().min_by_key(|pair| {
            let next = self.open(&piles.after(pair)).into_iter().filter(|next| next != pair);
            let least_next = next.map(|next| self.uses_of(&next)).min();
            (self.uses_of(pair), least_next, chance.random::<u64>())
        })
    }

    fn open(&self, piles: &Piles) -> Vec<Pair> {
        piles.moves().into_iter().filter(|pair| !self.closed.contains(pair)).collect()
    }

    fn uses_of(&self, pair: &Pair) -> usize {
        self.uses.get(pair).copied().unwrap_or(0)
    }

    /// Whether everything can lie where it lay after the last transfer, if the next one leads to `after`.
    fn is_home_in_time(&self, after: &Piles) -> bool {
        let left = self.left() - 1;
        if left > most_moves_home(after.items()) {
            return true;
        }
        // With one transfer left nothing may be at home already: it would have to leave.
        after
            .moves_home(&self.origin, &self.closed)
            .is_some_and(|moves| moves <= left && !(moves == 0 && left == 1))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use jiff::Timestamp;
    use rmrl_inventory::{
        Accepts, Disk, FailedAt, Inventory, InventoryOptions, SlotRule, StatedBy,
    };

    use super::*;

    /// A disk that forgets: 500 transfers wait for nothing.
    struct NoDisk;

    impl Disk for NoDisk {
        fn append(&mut self, _: &Path, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
        fn truncate(&mut self, _: &Path, _: u64) -> io::Result<()> {
            Ok(())
        }
        fn create(&mut self, _: &Path) -> io::Result<()> {
            Ok(())
        }
        fn remove(&mut self, _: &Path) -> io::Result<()> {
            Ok(())
        }
        fn replace(&mut self, _: &Path, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
    }

    const SLOTS: [&str; 6] = ["bench:1", "bench:2", "hotel:1", "hotel:2", "reader", "park"];
    const FOUR: [(&str, &str, &str); 4] = [
        ("bench:1", "a", "p96"),
        ("bench:2", "b", "p96"),
        ("hotel:1", "c", "p384"),
        ("reader", "d", "p384"),
    ];

    fn slot(text: &str) -> SlotAddress {
        text.parse().unwrap()
    }

    fn layout(capacity: usize, only: &[(&str, &str)]) -> Layout {
        let rule = |name: &&str| {
            let labware = only.iter().filter(|(slot, _)| slot == name);
            let labware: BTreeSet<String> =
                labware.map(|(_, labware)| labware.to_string()).collect();
            let accepts = if labware.is_empty() { Accepts::Any } else { Accepts::Only(labware) };
            (slot(name), SlotRule { capacity, accepts })
        };
        SLOTS.iter().map(rule).collect()
    }

    /// The inventory refuses what cannot be done: a plan that asks for it fails here.
    fn inventory(layout: &Layout, items: &[(&str, &str, &str)]) -> (tempfile::TempDir, Inventory) {
        let dir = tempfile::tempdir().unwrap();
        let options = InventoryOptions { disk: Box::new(NoDisk), ..Default::default() };
        let now = Timestamp::UNIX_EPOCH;
        let mut inventory = Inventory::open_with(dir.path(), layout.clone(), options, now).unwrap();
        for name in SLOTS {
            let here = items.iter().filter(|(at, ..)| *at == name);
            let here = here
                .map(|(_, id, labware)| Item::new(id.parse().unwrap(), labware, false).unwrap());
            let stated = StatedBy { by: "test".into(), reason: "loaded".into() };
            inventory.set(slot(name).into(), here.collect(), stated, now).unwrap();
        }
        (dir, inventory)
    }

    fn carry_out(inventory: &mut Inventory, request: &Request) {
        let now = Timestamp::UNIX_EPOCH;
        let id = inventory.begin_transfer(&request.from(), request.to(), None, now).unwrap();
        if request.from() != Place::Jaws {
            inventory.grasped(id, now).unwrap();
        }
        inventory.released(id, request.to(), None, now).unwrap();
        inventory.done(id, now).unwrap();
    }

    fn run(inventory: &mut Inventory, plan: &mut QualificationPlan) -> Vec<Request> {
        let mut requests = Vec::new();
        while let Some(request) = plan.next(inventory.world()) {
            carry_out(inventory, &request);
            requests.push(request);
        }
        requests
    }

    fn uses(requests: &[Request]) -> BTreeMap<(String, String), usize> {
        let mut uses = BTreeMap::new();
        for request in requests {
            let pair = (request.from().to_string(), request.to().to_string());
            *uses.entry(pair).or_default() += 1;
        }
        uses
    }

    fn contents(inventory: &Inventory) -> Vec<(SlotAddress, Vec<Item>)> {
        inventory.world().slots().map(|(slot, items)| (slot.clone(), items.to_vec())).collect()
    }

    #[test]
    fn every_pair_is_used_about_equally_often_and_all_lies_where_it_lay() {
        let layout = layout(1, &[]);
        for seed in 0..5 {
            let (_dir, mut inventory) = inventory(&layout, &FOUR);
            let before = contents(&inventory);
            let mut plan = QualificationPlan::new(&layout, inventory.world(), 500, seed);
            let requests = run(&mut inventory, &mut plan);
            let uses = uses(&requests);
            assert_eq!((requests.len(), plan.left(), uses.len()), (500, 0, 30));
            // 500 / 30 = 16.7; the way back at the end is not chosen freely.
            let (least, most) = (uses.values().min().unwrap(), uses.values().max().unwrap());
            println!("seed {seed}: {least} to {most}");
            assert!(*least >= 15 && *most <= 19, "seed {seed}: {uses:?}");
            assert_eq!(contents(&inventory), before, "seed {seed}");
        }
    }

    #[test]
    fn any_number_of_transfers_ends_where_it_began_if_that_is_possible() {
        for (capacity, items) in [(1, &FOUR[..]), (2, &FOUR[..]), (1, &FOUR[..1])] {
            let layout = layout(capacity, &[]);
            for transfers in 2..40 {
                let (_dir, mut inventory) = inventory(&layout, items);
                let before = contents(&inventory);
                let mut plan = QualificationPlan::new(&layout, inventory.world(), transfers, 3);
                assert_eq!(run(&mut inventory, &mut plan).len(), transfers);
                assert_eq!(contents(&inventory), before, "{transfers} transfers, {capacity}");
            }
        }
    }

    #[test]
    fn items_go_only_where_they_are_accepted() {
        let only = [("hotel:1", "p384"), ("hotel:2", "p384"), ("park", "p96.lid")];
        let layout = layout(1, &only);
        let items =
            [("bench:1", "a", "p96"), ("hotel:1", "c", "p384"), ("bench:2", "l", "p96.lid")];
        let (_dir, mut inventory) = inventory(&layout, &items);
        let before = contents(&inventory);
        let mut plan = QualificationPlan::new(&layout, inventory.world(), 300, 1);
        let uses = uses(&run(&mut inventory, &mut plan));
        // The lid and both plates go to bench and reader; of the 30 pairs those between hotel and park are impossible.
        assert_eq!(uses.len(), 26);
        let is_hotel = |name: &String| name.starts_with("hotel");
        assert!(!uses.keys().any(|(from, to)| is_hotel(from) && to == "park"));
        assert!(uses.values().all(|count| (8..=16).contains(count)), "{uses:?}");
        assert_eq!(contents(&inventory), before);
    }

    #[test]
    fn the_same_seed_gives_the_same_transfers() {
        let layout = layout(1, &[]);
        let of_seed = |seed| {
            let (_dir, mut inventory) = inventory(&layout, &FOUR);
            let mut plan = QualificationPlan::new(&layout, inventory.world(), 60, seed);
            run(&mut inventory, &mut plan)
        };
        assert_eq!(of_seed(1), of_seed(1));
        assert_ne!(of_seed(1), of_seed(2));
    }

    #[test]
    fn what_is_in_the_jaws_is_put_down_first() {
        let layout = layout(1, &[]);
        let (_dir, mut inventory) = inventory(&layout, &FOUR);
        let mut plan = QualificationPlan::new(&layout, inventory.world(), 10, 0);
        let first = plan.next(inventory.world()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let id = inventory.begin_transfer(&first.from(), first.to(), None, now).unwrap();
        assert_eq!(plan.next(inventory.world()), None, "the transfer is open");
        inventory.grasped(id, now).unwrap();
        inventory.failed(id, FailedAt::InJaws, "met something", now).unwrap();
        let second = plan.next(inventory.world()).unwrap();
        assert_eq!((second.from(), second.to()), (Place::Jaws, first.to()));
        // Refused there: somewhere else.
        plan.exclude(&second);
        let third = plan.next(inventory.world()).unwrap();
        assert!(third.from() == Place::Jaws && third.to() != first.to());
        carry_out(&mut inventory, &third);
        assert_eq!(plan.left(), 8);
        assert_eq!(run(&mut inventory, &mut plan).len(), 8);
    }

    #[test]
    fn an_uncertain_item_ends_the_plan_before_it_is_complete() {
        let layout = layout(1, &[]);
        let (_dir, mut inventory) = inventory(&layout, &FOUR);
        let mut plan = QualificationPlan::new(&layout, inventory.world(), 10, 0);
        let first = plan.next(inventory.world()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let id = inventory.begin_transfer(&first.from(), first.to(), None, now).unwrap();
        inventory.failed(id, FailedAt::Unknown, "it fell", now).unwrap();
        assert_eq!((plan.next(inventory.world()), plan.left()), (None, 9));
    }

    #[test]
    fn a_refused_pair_is_not_asked_again() {
        let layout = layout(1, &[]);
        let (_dir, mut inventory) = inventory(&layout, &FOUR);
        let mut plan = QualificationPlan::new(&layout, inventory.world(), 200, 0);
        let reader = slot("reader");
        let (mut made, mut refused) = (0, 0);
        while let Some(request) = plan.next(inventory.world()) {
            if *request.to() == reader {
                plan.exclude(&request);
                refused += 1;
                continue;
            }
            carry_out(&mut inventory, &request);
            made += 1;
        }
        // Each of the other five slots asked once; what leaves the reader cannot come back.
        assert_eq!((made, refused), (200, 5));
    }

    #[test]
    fn where_nothing_lies_nothing_is_asked() {
        let layout = layout(1, &[]);
        let (_dir, inventory) = inventory(&layout, &[]);
        let mut plan = QualificationPlan::new(&layout, inventory.world(), 9, 0);
        assert_eq!((plan.next(inventory.world()), plan.left()), (None, 9));
    }
}
