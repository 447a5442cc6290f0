"""What lies where in a laboratory: the answer of ``rmrl cell inventory``, as Python values."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmrl_robot import _native
from rmrl_robot.configuration import assignments

JAWS = "jaws"
"""The place between the gripper's jaws."""


@dataclass(frozen=True)
class Item:
    """A plate, or a lid that lies by itself.

    Attributes:
        id: Its identifier, such as its barcode. A lid that was taken off ``plate-1`` is ``plate-1.lid``.
        labware: The name of its labware.
        has_lid: Whether its lid is on it.
        is_lid: Whether it is a lid.
    """

    id: str
    labware: str
    has_lid: bool = False
    is_lid: bool = False

    def __str__(self) -> str:
        """As ``rmrl cell inventory set`` reads it, such as ``plate-1=96-well-with-lid+lid``."""
        return f"{self.id}={self.labware}{'+lid' if self.has_lid else ''}"


@dataclass(frozen=True)
class Uncertain:
    """An item of which nobody knows where it is: no transfer begins until somebody says it.

    Attributes:
        item: The item.
        places: Where it can be, if nobody took it away.
        reason: Why that is not known.
    """

    item: Item
    places: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Moving:
    """A transfer that is under way, or was interrupted if no program has the cell.

    Attributes:
        item: The item.
        source: Where it was.
        target: Where it will be.
        phase: ``begun``, ``grasped`` or ``released``.
    """

    item: Item
    source: str
    target: str
    phase: str


class Inventory(Mapping[str, "tuple[Item, ...] | None"]):
    """What lies where, at one moment: a mapping from each slot to the items in it, from the bottom.

    ``None`` means that nobody has ever said what lies in that slot. An item that is being moved, or is uncertain, is in no slot.

    Examples:
        >>> inventory["hotel:1"]  # doctest: +SKIP
        (Item(id='plate-1', labware='96-well', has_lid=False, is_lid=False),)
    """

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self._answer = dict(answer)
        slots: dict[str, tuple[Item, ...] | None] = {
            slot: tuple(_item(item) for item in items) for slot, items in answer["slots"].items()
        }
        slots.update(dict.fromkeys(answer["unknown"]))
        self._slots = dict(sorted(slots.items()))

    def __getitem__(self, slot: str) -> tuple[Item, ...] | None:
        try:
            return self._slots[slot]
        except KeyError:
            known = ", ".join(self._slots)
            raise KeyError(f"there is no slot {slot!r}, expected one of: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def folder(self) -> str:
        """The folder in which it is kept."""
        return str(self._answer["inventory"])

    @property
    def sequence(self) -> int:
        """How many events led to it: a larger number is later."""
        return int(self._answer["sequence"])

    @property
    def jaws(self) -> Item | None:
        """What the jaws hold between transfers."""
        held = self._answer["jaws"]
        return None if held is None else _item(held)

    @property
    def moving(self) -> Moving | None:
        """The transfer that is under way."""
        transfer = self._answer["transfer"]
        if transfer is None:
            return None
        item, phase = _item(transfer["item"]), transfer["phase"]
        return Moving(item, transfer["from"], transfer["to"], phase)

    @property
    def uncertain(self) -> Uncertain | None:
        """The item of which nobody knows where it is."""
        found = self._answer["uncertain"]
        if found is None:
            return None
        return Uncertain(_item(found["item"]), tuple(found["places"]), found["reason"])

    def items_anywhere(self) -> dict[str, Item]:
        """Every item of the cell, sorted by its identifier."""
        found = [item for items in self._slots.values() for item in items or ()]
        moving, uncertain = self.moving, self.uncertain
        if self.jaws is not None:
            found.append(self.jaws)
        if moving is not None and moving.phase != "released":
            found.append(moving.item)
        if uncertain is not None:
            found.append(uncertain.item)
        return {item.id: item for item in sorted(found, key=lambda item: item.id)}

    def place_of(self, item: str) -> str | None:
        """The slot in which an item lies, or ``jaws``; ``None`` while it is moved, or if nobody knows it.

        Raises:
            KeyError: The cell has no such item. The message lists those that it has.
        """
        for slot, items in self._slots.items():
            if any(one.id == item for one in items or ()):
                return slot
        if self.jaws is not None and self.jaws.id == item:
            return JAWS
        if item not in self.items_anywhere():
            known = ", ".join(self.items_anywhere()) or "none"
            raise KeyError(f"the cell has no item {item!r}; it has {known}")
        return None

    def to_dict(self) -> dict[str, Any]:
        """What ``rmrl cell inventory show`` prints as JSON, without ``next``."""
        return dict(self._answer)

    def __repr__(self) -> str:
        return f"Inventory({self._slots!r}, jaws={self.jaws!r}, uncertain={self.uncertain!r})"


def read_inventory(
    config: str | os.PathLike[str] | None = None, values: Mapping[str, Any] | None = None
) -> Inventory:
    """What lies where by the inventory of a configuration, also while another program has the cell.

    Raises:
        ConfigurationError: The configuration is invalid.
        CellError: There is no inventory yet, or it is damaged.
    """
    return Inventory(json.loads(_native.inventory_of(_configuration(config, values))))


def verify_inventory(
    config: str | os.PathLike[str] | None = None, values: Mapping[str, Any] | None = None
) -> Inventory:
    """As ``read_inventory``, after reading the whole journal and checking every line."""
    return Inventory(json.loads(_native.verify_inventory(_configuration(config, values))))


def set_items(
    config: str | os.PathLike[str],
    place: str,
    items: Iterable[Item | str] = (),
    *,
    reason: str,
    by: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Inventory:
    """Says what lies in a place, without a cell: before it is opened for the first time.

    Args:
        config: The configuration file.
        place: A slot, or ``jaws``.
        items: The items from the bottom; none if it is empty. As texts: ``"plate-1=96-well"``, with ``+lid`` if its lid is on.
        reason: Why it is said; it is kept in the journal.
        by: Who says it; the user's name if it is left out.
        values: Single values over the file, as of ``Cell.open``.

    Raises:
        TransferRefused: The items do not fit there, or one of them is elsewhere.
        CellError: Another program has the cell.
    """
    texts, stated = [str(item) for item in items], statement(reason, by)
    answer = _native.set_items_of(_configuration(config, values), place, texts, stated)
    return Inventory(json.loads(answer))


def settle(
    config: str | os.PathLike[str],
    item: str,
    place: str | None,
    *,
    reason: str,
    by: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Inventory:
    """Says where an item is of which nobody knows it, without a cell; ``None`` if it was taken out."""
    answer = _native.settle_of(_configuration(config, values), item, place, statement(reason, by))
    return Inventory(json.loads(answer))


def statement(reason: str, by: str | None) -> tuple[str, str]:
    """Who says something, and why."""
    if by is None:
        try:
            by = getpass.getuser()
        except (KeyError, OSError, ImportError):
            by = "a Python program"
    return by, reason


def _configuration(
    config: str | os.PathLike[str] | None, values: Mapping[str, Any] | None
) -> tuple[str | None, list[str]]:
    return None if config is None else os.fspath(config), assignments(values or {})


def _item(fields: Mapping[str, Any]) -> Item:
    is_lid = fields.get("kind", "plate") == "lid"
    return Item(fields["id"], fields["labware"], bool(fields.get("has_lid", False)), is_lid)
