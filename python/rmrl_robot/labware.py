"""Labware: what a cell carries, imported from PyLabRobot."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rmrl_robot import _native
from rmrl_robot.errors import ConfigurationError


@dataclass(frozen=True)
class Grip:
    """Where the jaws hold a labware.

    Attributes:
        width_m: How far apart the held faces are, in meters.
        height_m: The height of the finger tips above its bottom, in meters.
        tolerance_m: How far the measured width may be from ``width_m``, in meters.
    """

    width_m: float
    height_m: float
    tolerance_m: float


@dataclass(frozen=True)
class Lid:
    """The lid of a labware, in meters.

    Attributes:
        length_m: Its long side.
        width_m: Its short side.
        height_m: Its height.
        nesting_m: How far it reaches down beside the plate.
        grip_height_m: The height of the finger tips above its rim.
    """

    length_m: float
    width_m: float
    height_m: float
    nesting_m: float
    grip_height_m: float


@dataclass(frozen=True)
class Labware:
    """One kind of labware, as the table ``[labware.NAME]`` of a configuration has it. Lengths are in meters.

    Attributes:
        name: Its name in configurations and inventories.
        kind: ``microplate``, ``deep_well_plate`` and so on.
        length_m: The footprint along the long side.
        width_m: The footprint along the short side.
        height_m: The height without a lid.
        stacking_height_m: How much a stack grows with each further one.
        grip: Where the jaws hold it.
        lid: Its lid, if it has one.
    """

    name: str
    kind: str
    length_m: float
    width_m: float
    height_m: float
    stacking_height_m: float
    grip: Grip
    lid: Lid | None = None

    @classmethod
    def from_pylabrobot(
        cls,
        plate: Any,
        *,
        name: str | None = None,
        side: str = "width",
        grip_height_m: float = 0.002,
    ) -> Labware:
        """The labware of a plate of PyLabRobot, with its lid if it has one on.

        Args:
            plate: A ``Plate``, what its ``serialize()`` returns, or the path of a file that ``plate.save`` wrote.
            name: The name in configurations. By default the plate's ``model``, or else its name, with ``-`` for characters other
                than letters, digits, ``-`` and ``_``.
            side: The dimension between the jaws, ``width`` or ``length``: PyLabRobot does not say.
            grip_height_m: The height of the finger tips above the plate's bottom, in meters.

        Raises:
            ConfigurationError: It is no plate, or a dimension is missing or invalid; the message names the key.
        """
        fields, origin = _serialized(plate)
        try:
            text = json.dumps(fields, default=repr, allow_nan=False)
        except ValueError as error:
            message = f"{origin}: a number is not finite, expected millimeters: {error}"
            raise ConfigurationError(message) from error
        answer = json.loads(
            _native.parse_pylabrobot_plate(text, origin, (side, float(grip_height_m)))
        )
        grip, lid = Grip(**answer.pop("grip")), answer.pop("lid", None)
        found = cls(**answer, grip=grip, lid=None if lid is None else Lid(**lid))
        called = name or str(fields.get("model") or found.name)
        return replace(found, name=re.sub(r"[^A-Za-z0-9_-]+", "-", called).strip("-") or "plate")

    def values(self) -> dict[str, Any]:
        """Values for ``Cell.open``, which add this labware to a configuration."""
        table = asdict(self)
        del table["name"]
        if self.lid is None:
            del table["lid"]
        return {"labware": {self.name: table}}

    def to_toml(self) -> str:
        """The tables of a configuration file."""
        table: dict[str, Any] = self.values()["labware"][self.name]
        return "\n".join(_lines(f"labware.{self.name}", table)) + "\n"


def _lines(header: str, table: Mapping[str, Any]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    nested = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    lines = [f"[{header}]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items())]
    for key, value in nested.items():
        lines += ["", *_lines(f"{header}.{key}", value)]
    return lines


def _serialized(plate: Any) -> tuple[Mapping[str, Any], str]:
    """The JSON of a plate, and what errors call it."""
    if isinstance(plate, (str, os.PathLike)):
        path = Path(plate)
        fields = json.loads(path.read_text(encoding="utf-8"))
        return (fields if isinstance(fields, Mapping) else {"type": repr(fields)}), str(path)
    if isinstance(plate, Mapping):
        return plate, f"the plate {plate.get('name', '?')!r}"
    if callable(getattr(plate, "serialize", None)):
        fields = plate.serialize()
        return fields, f"the plate {fields.get('name', '?')!r}"
    given = type(plate).__name__
    raise TypeError(
        f"plate is a {given}, expected a Plate of PyLabRobot, its JSON, or a file's path"
    )
