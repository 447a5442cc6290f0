//! What would lie where after moves, and the way back to where everything lay.

use std::collections::{BTreeMap, BTreeSet};

use rmrl_inventory::{Item, ItemId, Layout, SlotAddress, World};

/// A move of the topmost item of one slot to another slot.
pub(super) type Pair = (SlotAddress, SlotAddress);

/// The items in the slots of a cell, from the bottom.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piles<'a> {
    layout: &'a Layout,
    slots: BTreeMap<&'a SlotAddress, Vec<&'a Item>>,
}

/// Where each pile lay, by the identifiers of its items.
pub(super) type Origin = BTreeMap<SlotAddress, Vec<ItemId>>;

impl<'a> Piles<'a> {
    /// What lies in the slots of a cell; slots of which nobody said what lies in them are left out.
    pub(super) fn of(layout: &'a Layout, world: &'a World) -> Self {
        let known = world.slots().filter(|(slot, _)| layout.rule(slot).is_some());
        Self { layout, slots: known.map(|(slot, items)| (slot, items.iter().collect())).collect() }
    }

    /// By the identifiers of the items.
    pub(super) fn origin(&self) -> Origin {
        let ids = |pile: &Vec<&Item>| pile.iter().map(|item| item.id.clone()).collect();
        self.slots.iter().map(|(slot, pile)| ((*slot).clone(), ids(pile))).collect()
    }

    /// How many items there are.
    pub(super) fn items(&self) -> usize {
        self.slots.values().map(Vec::len).sum()
    }

    /// All moves for which there is an item, and room for it, sorted.
    pub(super) fn moves(&self) -> Vec<Pair> {
        let tops = self.slots.iter().filter_map(|(from, pile)| Some((*from, *pile.last()?)));
        tops.flat_map(|(from, item)| {
            let to = self.slots.keys().filter(move |to| **to != from && self.has_room(to, item));
            to.map(|to| (from.clone(), (*to).clone()))
        })
        .collect()
    }

    /// Whether an item may be put on what lies in a slot. Lids and plates are not put on each other: a lid on a plate would be
    /// no item any more.
    pub(super) fn has_room(&self, slot: &SlotAddress, item: &Item) -> bool {
        let (Some(rule), Some(pile)) = (self.layout.rule(slot), self.slots.get(slot)) else {
            return false;
        };
        pile.len() < rule.capacity
            && rule.accepts.holds(item.labware())
            && pile.last().is_none_or(|top| top.is_lid() == item.is_lid())
    }

    /// What lies where after a move.
    pub(super) fn after(&self, (from, to): &Pair) -> Self {
        let mut after = self.clone();
        if let Some(item) = after.slots.get_mut(from).and_then(Vec::pop)
            && let Some(pile) = after.slots.get_mut(to)
        {
            pile.push(item);
        }
        after
    }

    /// How many moves bring every item back to where it lay, if none of them is `closed`; `None` if no way was found. It need not
    /// be the shortest way.
    pub(super) fn moves_home(&self, origin: &Origin, closed: &BTreeSet<Pair>) -> Option<usize> {
        let mut piles = self.clone();
        let mut seen = BTreeSet::from([piles.origin()]);
        for moves in 0..=most_moves_home(self.items()) {
            if piles.misplaced(origin).next().is_none() {
                return Some(moves);
            }
            let open = piles.moves().into_iter().filter(|pair| !closed.contains(pair));
            let useful = open.filter(|(from, _)| piles.is_misplaced(from, origin));
            let mut next: Vec<(Pair, Self)> = useful
                .map(|pair| {
                    let after = piles.after(&pair);
                    (pair, after)
                })
                .filter(|(_, after)| !seen.contains(&after.origin()))
                .collect();
            // First what ends at its place; else out of the way, into a slot where nothing else has to go.
            next.sort_by_key(|((_, to), after)| {
                let is_in_place = !after.is_misplaced(to, origin);
                let is_awaited = origin.get(to).is_some_and(|ids| !ids.is_empty());
                (!is_in_place, is_awaited)
            });
            piles = next.into_iter().next()?.1;
            seen.insert(piles.origin());
        }
        None
    }

    /// The slots whose topmost item has to go elsewhere.
    fn misplaced(&self, origin: &Origin) -> impl Iterator<Item = &SlotAddress> {
        self.slots.keys().filter(|slot| self.is_misplaced(slot, origin)).copied()
    }

    /// Whether the topmost item of a slot, or what it lies on, has to go elsewhere.
    fn is_misplaced(&self, slot: &SlotAddress, origin: &Origin) -> bool {
        let before = origin.get(slot).map_or(&[][..], Vec::as_slice);
        let pile = self.slots.get(slot).map_or(&[][..], Vec::as_slice);
        pile.len() > before.len() || pile.iter().zip(before).any(|(item, id)| item.id != *id)
    }
}

/// More moves than a way back takes: each item goes out of the way, and home, and some of them once more.
pub(super) fn most_moves_home(items: usize) -> usize {
    4 * items + 4
}
