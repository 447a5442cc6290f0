"""What a transfer or a protocol came to: the answers of ``rmrl cell transfer`` and ``protocol``, as Python values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rmrl_robot.errors import TransferNotDone


@dataclass(frozen=True)
class PlaceError:
    """How far an item lies from where it should, in the frame of the tool at its slot.

    Attributes:
        known_by: ``measured`` by the camera, or ``predicted`` where the camera does not see it.
        along_mm: Along the fingers, in millimeters.
        across_mm: Across them, in millimeters.
        yaw_deg: Its turn, in degrees.
        interval_mm: Half the width of the 95 % interval of the distance, in millimeters.
    """

    known_by: str
    along_mm: float
    across_mm: float
    yaw_deg: float
    interval_mm: float

    @property
    def distance_mm(self) -> float:
        """The distance in the plane, in millimeters."""
        return float((self.along_mm**2 + self.across_mm**2) ** 0.5)


@dataclass(frozen=True)
class TransferReport:
    """How a transfer ended.

    Attributes:
        source: Where the item was.
        target: Where it should come to.
        what: ``move``, ``unlid`` or ``relid``.
        item: What was moved.
        labware: Its labware.
        ending: ``done``; ``not_done``, and it is known where it is; or ``unknown``.
        left_at: Where an item is that was not brought: ``from``, ``between`` (in the slot ``by_way_of``) or ``jaws``.
        reason: Why it was not done.
        error: How far it lies from where it should, if it was released there.
        is_seated: Whether that is within the site's tolerance.
        by_way_of: The slot where it was put down in between, to look at it.
        carries: How often it was carried about before, to learn where the camera sees plates.
        corrected_by: ``belief``, or ``policy NAME``; ``None`` if nothing was chosen.
        passed_over: The policy whose turn it was and that did not correct, and why.
    """

    source: str
    target: str
    what: str
    item: str
    labware: str
    ending: str
    left_at: str | None = None
    reason: str | None = None
    error: PlaceError | None = None
    is_seated: bool | None = None
    by_way_of: str | None = None
    carries: int = 0
    corrected_by: str | None = None
    passed_over: tuple[str, str] | None = None
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> TransferReport:
        """The report of the command's JSON."""
        request, error, passed = answer["request"], answer.get("error"), answer.get("passed_over")
        return cls(
            source=request["from"],
            target=request["to"],
            what=request["what"],
            item=answer["item"],
            labware=answer["labware"],
            ending=answer["ending"],
            left_at=answer.get("at"),
            reason=answer.get("reason"),
            error=None if error is None else PlaceError(**error),
            is_seated=answer.get("is_seated"),
            by_way_of=answer.get("by_way_of"),
            carries=answer["carries"],
            corrected_by=_corrected_by(answer.get("corrected_by")),
            passed_over=None if passed is None else (passed["policy"], passed["reason"]),
            answer=dict(answer),
        )

    @property
    def ok(self) -> bool:
        """Whether it lies where it should, as exactly as the site asks."""
        return self.exit_status == 0

    @property
    def exit_status(self) -> int:
        """That of ``rmrl cell transfer``: 0 done, 3 not done, 4 in the jaws, 5 nobody knows, 6 not as exactly as asked."""
        if self.ending == "done":
            return 6 if self.is_seated is False else 0
        if self.ending == "unknown":
            return 5
        return 4 if self.left_at == "jaws" else 3

    def raise_for_status(self) -> TransferReport:
        """Returns the report of a transfer that is done.

        Raises:
            TransferNotDone: It is not, or it lies there less exactly than the site asks.
        """
        if not self.ok:
            raise TransferNotDone(str(self), self)
        return self

    def to_dict(self) -> dict[str, Any]:
        """What ``rmrl cell transfer --json`` prints, without ``next``."""
        return dict(self.answer)

    def __str__(self) -> str:
        where = {"from": "it is where it was", "jaws": "it is in the jaws"}
        words = f"{self.item} from {self.source} to {self.target}: "
        if self.ending == "done":
            unseated = ", and not as exactly as the site asks"
            return words + "done" + (unseated if self.is_seated is False else "")
        if self.ending == "unknown":
            return words + f"nobody knows where it is: {self.reason}"
        between = f"it is in {self.by_way_of}"
        return words + f"not done, {where.get(self.left_at or '', between)}: {self.reason}"


@dataclass(frozen=True)
class ProtocolReport:
    """What the chains of a protocol came to.

    Attributes:
        chains: Each chain: ``protocol``, ``steps``, ``attempts`` and ``end``, as ``rmrl cell protocol`` prints them.
        statistics: How often they were done, with 95 % intervals; ``None`` if nothing can be said.
    """

    chains: tuple[Mapping[str, Any], ...]
    statistics: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> ProtocolReport:
        """The report of the command's JSON."""
        return cls(tuple(answer["chains"]), answer.get("statistics"))

    @property
    def ok(self) -> bool:
        """Whether every step of every chain was done."""
        return all(_is_done(chain) for chain in self.chains)

    @property
    def end(self) -> Mapping[str, Any]:
        """Why the last chain ended: ``end`` is ``completed``, ``failed``, ``jaws_full``, ``unknown`` or ``stop_requested``."""
        end: Mapping[str, Any] = self.chains[-1]["end"]
        return end

    def raise_for_status(self) -> ProtocolReport:
        """Returns the report of a protocol of which every step is done.

        Raises:
            TransferNotDone: One is not.
        """
        if not self.ok:
            end = self.end
            step = end.get("step", end.get("before", "a step"))
            reason = end.get("reason", end["end"].replace("_", " "))
            raise TransferNotDone(f"{self.chains[-1]['protocol']}: {step}: {reason}", self)
        return self

    def to_dict(self) -> dict[str, Any]:
        """What ``rmrl cell protocol --json`` prints, without ``next``."""
        chains: dict[str, Any] = {"chains": [dict(chain) for chain in self.chains]}
        if self.statistics is not None:
            chains["statistics"] = dict(self.statistics)
        return chains


def _is_done(chain: Mapping[str, Any]) -> bool:
    done = sum(attempt["outcome"]["outcome"] == "done" for attempt in chain["attempts"])
    return bool(done == chain["steps"])


def _corrected_by(by: Any) -> str | None:
    if isinstance(by, Mapping):
        return f"policy {by['policy']}"
    return None if by is None else str(by)
