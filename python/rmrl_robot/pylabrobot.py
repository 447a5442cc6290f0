"""PyLabRobot's resources, moved by a cell.

For PyLabRobot 1.0 (tried with 1.0.0b1), whose arms have no common base class: a plain class with ``setup``, ``stop`` and
``transfer``. It works with 0.2.2, too, whose resources are the same.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rmrl_robot.cells import JAWS, Cell, Inventory, Question, TransferReport, Uncertain
from rmrl_robot.errors import CellClosedError, TransferRefused

Answer = TypeVar("Answer")

# The footprint of a plate, in millimeters (ANSI/SLAS 1), of holders that are made here.
_SIZE_MM = (127.76, 85.48, 0.0)
_UNCERTAIN = "rmrl_uncertain"
# What the text of an item ends with whose lid is on.
_LID = "+lid"


class TransferArm:
    """An arm that moves plates and lids between resource holders, by a cell that knows its sites.

    The inventory of the cell is what is true; the resource tree follows it. After a transfer that is done the resource is a child
    of its target. Where the cell refuses, the tree stays as it was. Otherwise the resource is where the inventory has it: where it
    was, where it was put down in between, or in ``jaws``. One of which nobody knows where it is belongs to no parent; it is in
    ``uncertain``, and its metadata has the key ``rmrl_uncertain`` (PyLabRobot 1.0).

    Args:
        config: The configuration of a cell, or a ``Cell`` that is open; that one is not closed here.
        sites: The holder of each slot: a ``ResourceHolder``, or a ``ResourceStack`` for a site of several items. A holder is made
            for each slot that is not named.
        items: The identifiers of items whose resources have other names, by the resource's name.
        values: As of ``Cell.open``.
        operator: As of ``Cell.open``; it is called in another thread.
        permit: As of ``Cell.open``.
    """

    def __init__(
        self,
        config: str | os.PathLike[str] | Cell,
        sites: Mapping[str, Any] | None = None,
        *,
        items: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
        operator: Callable[[Question], bool] | None = None,
        permit: bool = False,
    ) -> None:
        self._resources = _resources()
        self._config = config
        self._values, self._operator, self._permit = values, operator, permit
        self._cell: Cell | None = config if isinstance(config, Cell) else None
        self._ids = dict(items or {})
        self._lock = asyncio.Lock()
        self.sites: dict[str, Any] = dict(sites or {})
        self.jaws: Any = self._holder("rmrl_jaws")
        self.uncertain: dict[str, Uncertain] = {}

    async def setup(self) -> None:
        """Opens the cell. The arm of a real cell does not move unasked.

        Raises:
            CellError: It cannot be opened.
            ValueError: ``sites`` names a slot that the cell does not have.
        """
        if self._cell is None:
            config = self._config
            assert not isinstance(config, Cell)
            self._cell = await asyncio.to_thread(
                Cell.open, config, self._values, operator=self._operator, permit=self._permit
            )
        slots = self._cell.slots
        unknown = [slot for slot in self.sites if slot not in slots]
        if unknown:
            await self.stop()
            raise ValueError(f"sites names {', '.join(unknown)}; the cell has {', '.join(slots)}")
        for slot in slots:
            self.sites.setdefault(slot, self._holder(slot))

    async def stop(self) -> None:
        """Closes the cell, after what is under way. The arm is not stopped: ``halt`` does that."""
        cell, self._cell = self._cell, None
        if cell is not None and cell is not self._config:
            await asyncio.to_thread(cell.close)

    async def halt(self) -> None:
        """Stops the arm without waiting for a transfer that is under way. Nothing moves until the cell is opened anew."""
        await asyncio.to_thread(self.cell.stop, "TransferArm.halt()")

    @property
    def cell(self) -> Cell:
        """The cell.

        Raises:
            CellClosedError: ``setup`` was not called.
        """
        if self._cell is None:
            raise CellClosedError("closed", "the cell is not open; call setup() first")
        return self._cell

    async def transfer(
        self,
        source: Any,
        target: Any,
        *,
        on_event: Callable[[dict[str, Any]], object] | None = None,
    ) -> TransferReport:
        """Moves a plate, or a lid, and lets the resource tree follow. Calls wait for each other.

        A cancelled call stops the arm, and ends when the tree says where the resource is.

        Args:
            source: The ``Plate`` or ``Lid``, which lies in one of ``sites`` or in ``jaws``. A lid may be on its plate.
            target: The holder, one of ``sites``. A lid goes onto the plate that lies there, or is the target itself.
            on_event: As of ``Cell.transfer``, called by the event loop.

        Raises:
            TransferRefused: Nothing was moved: the cell refuses it, or the tree says other than the inventory.
            TransferNotDone: It is not done; its ``report`` says why.
        """
        cell = self.cell
        async with self._lock:
            to = self._slot_of_target(target)
            inventory = await asyncio.to_thread(cell.inventory)
            place, lid = self._check(source, target, to, inventory)
            loop = asyncio.get_running_loop()

            def told(event: dict[str, Any]) -> None:
                if on_event is not None:
                    loop.call_soon_threadsafe(on_event, event)

            def work() -> TransferReport:
                return cell.transfer(place, to, lid=lid, on_event=told, wait=True)

            try:
                report = await self._until_ended(work)
            except TransferRefused:
                raise
            except BaseException:
                self._follow(source, to)
                raise
            self._follow(source, to)
        return report.raise_for_status()

    async def declare(
        self,
        labware: Mapping[str, str] | Callable[[Any], str],
        *,
        reason: str,
        by: str | None = None,
    ) -> Inventory:
        """Says to the inventory what the resource tree has, slot by slot: after somebody has loaded the laboratory as the tree says.

        Args:
            labware: The cell's labware of each resource, by its model or its name; or a function of the resource.
            reason: Why it is said; it is kept in the journal.
            by: Who says it.

        Raises:
            KeyError: The labware of a resource is not named.
            TransferRefused: The items do not fit there.
        """
        cell = self.cell
        async with self._lock:
            wanted = {slot: self._items_in(slot, labware) for slot in self.sites}

            def say() -> Inventory:
                there = cell.inventory() if _has_inventory(cell) else {}
                changed = [
                    slot for slot, items in wanted.items() if _texts(there.get(slot)) != items
                ]
                # What moves between slots leaves its old one first.
                for slot in changed:
                    if there.get(slot):
                        cell.set_items(slot, [], reason=reason, by=by, wait=True)
                for slot in changed:
                    cell.set_items(slot, wanted[slot] or [], reason=reason, by=by, wait=True)
                return cell.inventory()

            return await asyncio.to_thread(say)

    async def settle(self, resource: Any, place: str | None, *, reason: str) -> None:
        """Says where a resource is of which nobody knows it, and lets the tree follow; ``None`` if it was taken out."""
        item = self._id_of(resource)
        await asyncio.to_thread(self.cell.settle, item, place, reason=reason, wait=True)
        self._unmark(resource)
        if place is not None:
            self._follow(resource, place)

    def differences(self) -> list[str]:
        """In which slots the tree and the inventory say other things; nothing where they agree."""
        inventory = self.cell.inventory()
        found = []
        for slot in self.sites:
            items, there = inventory[slot], self._names_in(slot)
            said = None if items is None else [item.id + _LID * item.has_lid for item in items]
            if said != there:
                words = "that nobody has said it" if said is None else said
                found.append(f"{slot}: the tree has {there}, the inventory {words}")
        return found

    def _holder(self, name: str) -> Any:
        length, width, height = _SIZE_MM
        return self._resources.ResourceHolder(name=name, size_x=length, size_y=width, size_z=height)

    def _id_of(self, resource: Any) -> str:
        return self._ids.get(resource.name, str(resource.name))

    def _lying(self, place: str) -> list[Any]:
        """The resources in a place, from the bottom, without lids that are on plates."""
        return list((self.jaws if place == JAWS else self.sites[place]).children)

    def _names_in(self, place: str) -> list[str]:
        """The items that the tree has in a place, from the bottom, with ``+lid`` behind a plate that has its lid on."""
        return [self._id_of(one) + _LID * self._has_lid(one) for one in self._lying(place)]

    def _has_lid(self, resource: Any) -> bool:
        return isinstance(resource, self._resources.Plate) and resource.lid is not None

    def _place_of(self, resource: Any) -> str | None:
        """The place that a resource is a child of, or the plate that it is on."""
        while resource is not None:
            if resource is self.jaws:
                return JAWS
            for slot, holder in self.sites.items():
                if resource is holder:
                    return slot
            resource = resource.parent
        return None

    def _slot_of_target(self, target: Any) -> str:
        slot = self._place_of(target)
        if slot is None or slot == JAWS:
            known = ", ".join(f"{slot} ({holder.name})" for slot, holder in self.sites.items())
            name = getattr(target, "name", target)
            message = f"{name!r} is no holder of a slot, expected one of: {known}"
            raise TransferRefused("no_such_slot", message)
        return slot

    def _check(self, source: Any, target: Any, to: str, inventory: Inventory) -> tuple[str, bool]:
        """Where the resource is, and whether it is a lid on its plate. Tree and inventory have to agree about both slots."""
        place = self._place_of(source)
        if place is None:
            known = self.uncertain.get(source.name)
            where = (
                f"nobody knows where it is: {known.reason}" if known else "it has no parent there"
            )
            raise TransferRefused(
                "not_there", f"{source.name!r} is in no slot of the cell; {where}"
            )
        is_lid = isinstance(source, self._resources.Lid)
        lid = is_lid and isinstance(source.parent, self._resources.Plate)
        for slot in (place, to):
            held = inventory.jaws
            items = (() if held is None else (held,)) if slot == JAWS else inventory[slot]
            said = [item.id + _LID * item.has_lid for item in items or ()]
            there = self._names_in(slot)
            if items is not None and said != there:
                message = f"in {slot} the tree has {there}, the inventory {said}; correct the one that is wrong"
                raise TransferRefused("other_item", message)
        top = self._lying(place)[-1]
        if top is not (source.parent if lid else source):
            raise TransferRefused("covered", f"{source.name!r} lies under {top.name!r} in {place}")
        onto_plate = is_lid and self._plate_in(to) is not None
        if not onto_plate and place != to:
            self._check_free(source, to)
        return place, lid

    def _check_free(self, source: Any, slot: str) -> None:
        """A holder of one resource has to be free in the tree."""
        holder = self.sites[slot]
        held = getattr(holder, "resource", None)
        if held is not None:
            message = f"{slot} holds {held.name!r} in the tree; name a ResourceStack for a site of several items"
            raise TransferRefused("full", message)

    def _plate_in(self, slot: str) -> Any:
        lying = self._lying(slot)
        is_plate = bool(lying) and isinstance(lying[-1], self._resources.Plate)
        return lying[-1] if is_plate else None

    async def _until_ended(self, work: Callable[[], Answer]) -> Answer:
        """Works in a thread. If the task is cancelled, the arm is stopped, and the end of the work awaited."""
        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.to_thread(self.cell.stop, "a task that was cancelled")
            await asyncio.wait({task})
            raise

    def _follow(self, resource: Any, target: str) -> None:
        """Lets the tree follow the inventory."""
        inventory = self.cell.inventory()
        is_lid = isinstance(resource, self._resources.Lid)
        if is_lid and isinstance(resource.parent, self._resources.Plate):
            plate = resource.parent
            taken_off = f"{self._id_of(plate)}.lid"
            if taken_off not in inventory.items_anywhere():
                return
            self._ids[resource.name] = taken_off
        item = self._id_of(resource)
        if item in inventory.items_anywhere():
            place = inventory.place_of(item)
            if place is None:
                self._mark(resource, inventory)
            elif self._place_of(resource) != place or is_lid:
                self._assign(resource, self.jaws if place == JAWS else self.sites[place])
        elif is_lid and (plate := self._plate_in(target)) is not None:
            # A lid on its plate is no item.
            self._ids.pop(resource.name, None)
            self._assign(resource, plate)

    def _assign(self, resource: Any, holder: Any) -> None:
        self._unmark(resource)
        if resource.parent is holder:
            return
        resource.unassign()
        holder.assign_child_resource(resource)

    def _mark(self, resource: Any, inventory: Inventory) -> None:
        found = inventory.uncertain
        if found is None:
            return
        resource.unassign()
        self.uncertain[resource.name] = found
        if hasattr(resource, "metadata"):
            known = {"places": list(found.places), "reason": found.reason}
            resource.metadata[_UNCERTAIN] = known

    def _unmark(self, resource: Any) -> None:
        self.uncertain.pop(resource.name, None)
        if hasattr(resource, "metadata"):
            resource.metadata.pop(_UNCERTAIN, None)

    def _items_in(self, slot: str, labware: Mapping[str, str] | Callable[[Any], str]) -> list[str]:
        return [self._text_of(resource, labware) for resource in self._lying(slot)]

    def _text_of(self, resource: Any, labware: Mapping[str, str] | Callable[[Any], str]) -> str:
        if callable(labware):
            name = labware(resource)
        else:
            keys = [key for key in (resource.model, resource.name) if key in labware]
            if not keys:
                message = (
                    f"labware names neither the model {resource.model!r} nor {resource.name!r}"
                )
                raise KeyError(message)
            name = labware[keys[0]]
        return f"{self._id_of(resource)}={name}{_LID * self._has_lid(resource)}"


def _texts(items: Any) -> list[str] | None:
    return None if items is None else [str(item) for item in items]


def _has_inventory(cell: Cell) -> bool:
    return cell.inventory().sequence > 0


def _resources() -> Any:
    """PyLabRobot's resources."""
    try:
        return importlib.import_module("pylabrobot.resources")
    except ImportError as error:
        raise ImportError(
            'PyLabRobot is not installed: pip install "rmrl-robot[pylabrobot]"'
        ) from error
