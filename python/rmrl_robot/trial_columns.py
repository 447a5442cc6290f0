"""The columns of trials: every field of the log, one name and one type each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Record = dict[str, Any]
_POSE = ("x_m", "y_m", "yaw_rad")


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its name, with the unit of its values.
        kind: ``float`` (NaN where there is no value), ``int``, ``bool``, ``str`` (empty where there is
            none) or ``object`` (``None``).
        path: Where a line of the log has it: keys, and places in lists.
    """

    name: str
    kind: str
    path: tuple[str | int, ...]
    missing: Any = None

    def of(self, record: Record) -> Any:
        """The value of a line; ``None`` where it has none."""
        value: Any = record
        for step in self.path:
            if value is None or (isinstance(step, str) and not isinstance(value, dict)):
                return None
            value = value.get(step) if isinstance(step, str) else value[step]
        return self.missing if value is None else value

    def array(self, records: Sequence[Record]) -> NDArray[Any]:
        """The values of many lines."""
        values = [self.of(record) for record in records]
        if self.kind == "float":
            return np.array([np.nan if one is None else one for one in values], dtype=np.float64)
        if self.kind == "int":
            return np.array([-1 if one is None else one for one in values], dtype=np.int64)
        if self.kind == "bool":
            return np.array([bool(one) for one in values], dtype=np.bool_)
        if self.kind == "str":
            return np.array(["" if one is None else str(one) for one in values], dtype=np.str_)
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array


def _pose(key: str, prefix: str | None = None, more: Sequence[Column] = ()) -> list[Column]:
    name = prefix or key
    return [*(Column(f"{name}_{axis}", "float", (key, axis)) for axis in _POSE), *more]


def _offset(key: str, *above: str) -> list[Column]:
    stem = "_".join((*above, key)).removesuffix("_m")
    return [
        Column(f"{stem}_{axis}_m", "float", (*above, key, place)) for place, axis in enumerate("xy")
    ]


def _named(key: str, kind: str, names: dict[str, str]) -> list[Column]:
    return [Column(name, kind, (key, field)) for field, name in names.items()]


#: All columns, in their order.
COLUMNS: tuple[Column, ...] = (
    Column("schema", "int", ("schema",)),
    Column("time_utc", "str", ("time", "utc")),
    Column("time_monotonic_s", "float", ("time", "monotonic_s")),
    Column("trial", "int", ("trial",)),
    Column("attempt", "int", ("attempt",)),
    Column("scene", "int", ("scene",)),
    Column("purpose", "str", ("purpose",), missing="training"),
    *_pose("estimated_pose"),
    *_offset("look_error_m"),
    *_named(
        "plate_in_image",
        "float",
        {axis: f"plate_in_image_{axis}" for axis in ("u_px", "v_px", "diagonal_px")},
    ),
    *(
        Column(f"action_index_{axis}", "int", ("action_index", place))
        for place, axis in enumerate(("dx", "dy", "dyaw"))
    ),
    *_named(
        "adjustment",
        "float",
        {axis: f"adjustment_{axis}" for axis in ("dx_m", "dy_m", "dyaw_rad")},
    ),
    Column("interval_m", "float", ("interval_m",)),
    Column("probabilities", "object", ("probabilities",)),
    Column("abstained", "bool", ("abstained",)),
    Column("carries", "object", ("carries",)),
    *_pose("pick_pose"),
    *_pose("place_pose"),
    *_pose("final_pose"),
    *_offset("final_look_error_m"),
    *_pose("target_pose"),
    *_pose("plate_after_miss"),
    Column("e_trans_m", "float", ("e_trans_m",)),
    Column("e_rot", "float", ("e_rot",)),
    Column("reward", "float", ("reward",)),
    Column("seated", "bool", ("seated",)),
    Column("true_e_trans_m", "float", ("true_e_trans_m",)),
    Column("true_yaw_error_rad", "float", ("true_yaw_error_rad",)),
    Column("true_seated", "object", ("true_seated",)),
    *_named(
        "failure",
        "str",
        {"kind": "failure_kind", "cause": "failure_cause", "reason": "failure_reason"},
    ),
    *_named(
        "camera_drift",
        "float",
        {axis: f"camera_drift_{axis}" for axis in ("dx_m", "dy_m", "dyaw_rad", "drift_m")},
    ),
    Column("suspect", "bool", ("suspect",)),
    Column("plate_location", "object", ("plate_location",)),
    *_pose("plate_seen", more=_offset("look_error_m", "plate_seen")),
    Column("put_by_person", "bool", ("put_by_person",)),
    *_named(
        "durations_s",
        "float",
        {step: f"duration_{step}_s" for step in ("prepare", "capture", "localize", "pick_place")},
    ),
    *_named(
        "images",
        "str",
        {moment: f"image_{moment}" for moment in ("start", "start_depth", "final", "final_depth")},
    ),
)


def arrays(records: Sequence[Record]) -> dict[str, NDArray[Any]]:
    """All columns of these lines of the log."""
    return {column.name: column.array(records) for column in COLUMNS}


def structured(records: Sequence[Record]) -> NDArray[Any]:
    """These lines as one structured array ``[count]``, without the columns of kind ``object``."""
    columns = [(one.name, one.array(records)) for one in COLUMNS if one.kind != "object"]
    table = np.empty(len(records), dtype=[(name, values.dtype) for name, values in columns])
    for name, values in columns:
        table[name] = values
    return table


def arrow_values(column: Column, records: Sequence[Record]) -> list[Any]:
    """The values of a column as Arrow takes them: ``None`` where there is none."""
    values = [column.of(record) for record in records]
    if column.name in ("plate_location", "carries"):
        return [None if value is None else json.dumps(value) for value in values]
    return values
