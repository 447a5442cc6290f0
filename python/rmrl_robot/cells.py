"""Cells that transfer labware, for schedulers that are Python.

Examples:
    >>> from rmrl_robot.cells import Cell
    >>> with Cell.open("configs/laboratory.toml") as cell:  # doctest: +SKIP
    ...     report = cell.transfer("hotel:1", "reader")
    ...     report.raise_for_status()
"""

from __future__ import annotations

import atexit
import json
import os
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, final

from rmrl_robot import _native
from rmrl_robot.configuration import assignments
from rmrl_robot.inventory import (
    JAWS,
    Inventory,
    Item,
    Moving,
    Uncertain,
    read_inventory,
    set_items,
    settle,
    statement,
    verify_inventory,
)
from rmrl_robot.transfer_report import PlaceError, ProtocolReport, TransferReport

__all__ = [
    "JAWS",
    "Cell",
    "Inventory",
    "Item",
    "Moving",
    "PlaceError",
    "ProtocolReport",
    "Question",
    "StopConfirmation",
    "ToolPose",
    "TransferReport",
    "Uncertain",
    "read_inventory",
    "set_items",
    "settle",
    "verify_inventory",
]

_CAME_TO = "_rmrl_came_to"
# How long the end of the interpreter waits for a transfer that it stopped, in seconds.
_EXIT_PATIENCE_S = 15.0


@dataclass(frozen=True)
class Question:
    """A question to the operator of a real cell. Only the answer ``True`` is a yes.

    Attributes:
        kind: ``permit_motion``: may the arm make its first motion since the cell was opened, and all that follow?
            ``seat_item``: was the item in a slot nudged into its place? The slot is learned from it.
        text: The question in words.
        item: The item, of ``seat_item``.
        slot: Its slot, of ``seat_item``.
        motion: The motion, of ``permit_motion``: ``from``, ``rise_to_m``, ``to`` (meters, radians), ``speed_m_s``, ``notes``.
    """

    kind: str
    text: str
    item: str | None = None
    slot: str | None = None
    motion: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class StopConfirmation:
    """What a stop answers.

    Attributes:
        is_confirmed: Whether nothing that moves has left it unconfirmed.
        text: The answer in words. If it is not confirmed: press the red button.
    """

    is_confirmed: bool
    text: str


@dataclass(frozen=True)
class ToolPose:
    """Where the tool is, which points straight down, in the world frame: meters and radians."""

    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float


@final
class Cell:
    """A cell that transfers labware between its sites, as ``rmrl cell transfer`` does.

    Any thread may call any method. One transfer is made at a time: a call while another one is under way raises
    ``CellBusyError``, or waits its turn with ``wait=True``. ``stop`` and ``inventory`` never
    wait. The interpreter is free for other threads while the cell works.

    Ctrl-C in the main thread while it waits for a cell stops the arm, and raises ``KeyboardInterrupt`` after the cell has
    recorded where the item is; the exception's ``report`` says how the transfer ended. So does every exception of a signal
    handler. A second Ctrl-C does not wait for the record.

    Leave it with ``with``, or call ``close``. At the end of the interpreter, cells that are still open are stopped and closed.
    """

    def __init__(self, native: _native.Cell) -> None:
        """Use ``Cell.open``."""
        self._native = native
        # A fork of this process has no connection to the cell, and must not end it.
        self._process = os.getpid()
        _open_cells.add(self)

    @classmethod
    def open(
        cls,
        config: str | os.PathLike[str] | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        operator: Callable[[Question], bool] | None = None,
        permit: bool = False,
    ) -> Cell:
        """Opens the cell of a configuration. Nothing moves yet.

        The arm of a real cell does not move unasked. The operator of the configuration (``cell.operator``) is asked, or
        ``operator`` if it is given, in the thread that calls. A simulated cell asks nobody.

        Args:
            config: The configuration file.
            values: Single values over the file, such as ``{"seed": 3}`` or ``{"inventory": {"dir": "here"}}``.
            operator: Answers questions: ``operator(question)`` returns ``True`` for yes. What it raises is a no.
            permit: Whether the arm of a real cell may move without asking anybody: for cells with an interlock that keeps people
                away while the arm may move. ``--yes`` of the command.

        Raises:
            ConfigurationError: The configuration is invalid, or has no site.
            CellError: Another program has the cell, a device does not answer, or the arm may not move (``kind``).
        """
        if operator is not None and not callable(operator):
            given = type(operator).__name__
            raise TypeError(f"operator is a {given}, expected a function of a Question, or None")
        asks = None if operator is None else _asking(operator)
        path = None if config is None else os.fspath(config)
        return cls(_native.Cell.open(path, assignments(values or {}), bool(permit), asks))

    def transfer(
        self,
        source: str,
        target: str,
        *,
        lid: bool = False,
        on_event: Callable[[dict[str, Any]], object] | None = None,
        wait: bool = False,
        check: bool = False,
    ) -> TransferReport:
        """Moves what lies on top in a slot, or what the jaws hold, to a slot. A lid that comes to a plate is put onto it.

        Args:
            source: Where it is: ``reader``, ``hotel:1`` or ``jaws``.
            target: Where it shall be.
            lid: Whether only the lid of the plate is meant.
            on_event: Called with each event, in this thread and in their order: a dict whose ``event`` is ``begins``,
                ``goes_by_way_of``, ``carried_about``, ``moves``, ``grasped``, ``released``, ``looks`` or ``ended``. The arm does
                not wait for it. If it raises an exception it is not called again, and the transfer is completed; then
                ``CallbackError`` is raised from it, with the ``report``.
            wait: Whether to wait while another call is under way.
            check: Whether to raise where the transfer is not done, as ``TransferReport.raise_for_status`` does.

        Returns:
            How it ended. ``report.ok`` is false where it is not done.

        Raises:
            TransferRefused: Nothing was moved: no such slot, nothing there, a full slot, no clear way (``kind``).
            CellBusyError: Another call is under way.
            CellError: What lies where could not be recorded, or the cell is closed.
            TransferNotDone: It is not done, with ``check=True``.
        """
        way, told = (str(source), str(target), bool(lid)), _telling(on_event)
        with _carrying(TransferReport.of):
            answer = self._native.transfer(way, bool(wait), told)
        report = TransferReport.of(json.loads(answer))
        return report.raise_for_status() if check else report

    def rehearse(
        self, source: str, target: str, *, lid: bool = False, wait: bool = False
    ) -> list[str]:
        """Proves a transfer and says its way, pose by pose, without any motion: ``--dry-run`` of the command.

        Raises:
            TransferRefused: As ``transfer``.
        """
        answer = self._native.rehearse((str(source), str(target), bool(lid)), bool(wait))
        way: list[str] = json.loads(answer)["way"]
        return way

    def run_protocol(
        self,
        protocol: str | os.PathLike[str],
        *,
        chains: int = 1,
        on_event: Callable[[dict[str, Any]], object] | None = None,
        wait: bool = False,
        check: bool = False,
    ) -> ProtocolReport:
        """Runs a protocol, as ``rmrl cell protocol`` does: transfers one after the other, with retries.

        Args:
            protocol: The TOML file.
            chains: How often it is run, 1 to 10000; it ends with the first chain that does not complete.
            on_event: As of ``transfer``, with ``step_begins`` and ``step_ended`` around the events of each transfer.
            wait: Whether to wait while another call is under way.
            check: Whether to raise where a step is not done.

        Raises:
            ConfigurationError: The protocol is invalid.
            CellBusyError: Another call is under way.
        """
        if not 1 <= chains <= 10_000:
            raise ValueError(f"chains is {chains}, expected 1 to 10000")
        text = Path(protocol).read_text(encoding="utf-8")
        told = _telling(on_event)
        with _carrying(ProtocolReport.of):
            answer = self._native.run_protocol(
                (text, os.fspath(protocol), chains), bool(wait), told
            )
        report = ProtocolReport.of(json.loads(answer))
        return report.raise_for_status() if check else report

    def home(self, *, wait: bool = False) -> ToolPose:
        """Moves the tool home, out of the camera's view, and says where that is.

        Raises:
            TransferRefused: No way home is clear, or the jaws hold what the inventory does not know.
            CellError: A device failed.
        """
        home = json.loads(self._native.home(bool(wait)))["home"]
        return ToolPose(z_m=home["z_m"], **home["planar"])

    def inventory(self) -> Inventory:
        """What lies where, by what is on disk: also while a transfer is under way."""
        return Inventory(json.loads(self._native.inventory()))

    def set_items(
        self,
        place: str,
        items: Iterable[Item | str] = (),
        *,
        reason: str,
        by: str | None = None,
        wait: bool = False,
    ) -> Inventory:
        """Says what lies in a slot or in the jaws: ``rmrl cell inventory set``.

        Args:
            place: A slot, or ``jaws``.
            items: The items from the bottom; none if it is empty. As texts: ``"plate-1=96-well"``, with ``+lid`` if its lid is on.
            reason: Why it is said; it is kept in the journal.
            by: Who says it; the user's name if it is left out.
            wait: Whether to wait while another call is under way.

        Raises:
            TransferRefused: The items do not fit there, or one of them is elsewhere.
            CellBusyError: Another call is under way.
        """
        if isinstance(items, (str, Item)):
            raise TypeError(f"items is {items!r}, expected a list of items from the bottom")
        texts, stated = [str(item) for item in items], statement(reason, by)
        answer = self._native.set_items(str(place), texts, stated, bool(wait))
        return Inventory(json.loads(answer))

    def place(
        self, item: Item | str, place: str, *, reason: str, by: str | None = None
    ) -> Inventory:
        """Says that a person put an item on top of what lies in a slot, or into the jaws."""
        below = () if place == JAWS else self.inventory()[place] or ()
        return self.set_items(place, [*below, item], reason=reason, by=by)

    def remove(self, item: str, *, reason: str, by: str | None = None) -> Inventory:
        """Says that a person took an item out of the cell.

        Raises:
            KeyError: The cell has no such item.
        """
        inventory = self.inventory()
        place = inventory.place_of(item)
        if place is None:
            return self.settle(item, None, reason=reason, by=by)
        lying = () if place == JAWS else inventory[place] or ()
        rest = [one for one in lying if one.id != item]
        return self.set_items(place, rest, reason=reason, by=by)

    def settle(
        self,
        item: str,
        place: str | None,
        *,
        reason: str,
        by: str | None = None,
        wait: bool = False,
    ) -> Inventory:
        """Says where an item is of which nobody knows it: ``rmrl cell inventory settle``.

        Args:
            item: Its identifier.
            place: Where it is; ``None`` if it was taken out of the cell.
            reason: Why it is said.
            by: Who says it; the user's name if it is left out.
            wait: Whether to wait while another call is under way.
        """
        where, stated = None if place is None else str(place), statement(reason, by)
        answer = self._native.settle(str(item), where, stated, bool(wait))
        return Inventory(json.loads(answer))

    def stop(self, by: str = "Cell.stop()") -> StopConfirmation:
        """Stops the arm, from any thread and without waiting for a transfer that is under way. That ends and says how.

        Nothing in this cell moves again: open it anew. It is no emergency stop, which is a button.

        Args:
            by: Who stops it, for people to read.
        """
        is_confirmed, text = self._native.stop(by)
        return StopConfirmation(is_confirmed, text)

    @property
    def under_way(self) -> str | None:
        """What is under way, in words."""
        return self._native.under_way

    @property
    def stopped(self) -> str | None:
        """Who stopped the cell, in words; ``None`` if nobody did."""
        return self._native.stopped

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._native.is_closed

    @property
    def slots(self) -> list[str]:
        """The slots of its sites, such as ``hotel:1``."""
        return self._native.slots

    def close(self, *, stop: bool = False) -> None:
        """Ends the connection to the devices, after what is under way. A second call does nothing.

        Args:
            stop: Whether to stop the arm first.

        Raises:
            CellBusyError: It was called by a callback of what is under way.
        """
        if stop and not self.is_closed:
            self.stop("Cell.close()")
        self._native.close(None)

    def __enter__(self) -> Cell:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the cell. What ends programs, such as Ctrl-C, stops a transfer of another thread; an ``Exception`` does not."""
        ends = kind is not None and not issubclass(kind, Exception)
        self.close(stop=ends and self.under_way is not None)

    def __del__(self) -> None:
        native = getattr(self, "_native", None)
        if native is not None and not native.is_closed and os.getpid() == self._process:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            native.close(0.0)

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else self.stopped or self.under_way or "at rest"
        return f"<Cell with {', '.join(self.slots)}: {state}>"


_open_cells: weakref.WeakSet[Cell] = weakref.WeakSet()


def _close_all() -> None:
    """Stops and closes what is open when the interpreter ends: what lies where is recorded then."""
    for cell in list(_open_cells):
        if not cell.is_closed and cell._process == os.getpid():
            if cell.under_way is not None:
                cell.stop("the end of the program")
            cell._native.close(_EXIT_PATIENCE_S)


atexit.register(_close_all)


def _telling(on_event: Callable[[dict[str, Any]], object] | None) -> Callable[[str], None] | None:
    if on_event is None:
        return None
    if not callable(on_event):
        raise TypeError(f"on_event is a {type(on_event).__name__}, expected a function of a dict")
    function = on_event

    def told(event: str) -> None:
        function(json.loads(event))

    return told


def _asking(operator: Callable[[Question], bool]) -> Callable[[str], Any]:
    def asked(text: str) -> Any:
        fields = json.loads(text)
        return operator(Question(kind=fields.pop("question"), **fields))

    return asked


class _carrying:
    """Gives an exception that carries an answer its report."""

    def __init__(self, report_of: Callable[[Mapping[str, Any]], Any]) -> None:
        self._report_of = report_of

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        came_to = getattr(value, _CAME_TO, None)
        if value is not None and came_to is not None:
            delattr(value, _CAME_TO)
            value.report = self._report_of(json.loads(came_to))  # type: ignore[attr-defined]
