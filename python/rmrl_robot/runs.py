"""Runs: what a run directory recorded, as arrays, tables and images.

Examples:
    >>> run = Run("runs/table-hindsight-seed0")  # doctest: +SKIP
    >>> run.trials["reward"].mean()  # doctest: +SKIP
    0.97
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from rmrl_robot import _native, trial_columns
from rmrl_robot.trial_columns import COLUMNS, Record

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from rmrl_robot.perception import Calibration
    from rmrl_robot.policies import Policy

__all__ = ["Images", "Run", "Trial", "Trials"]


class Images:
    """The images of a trial. Each is read from its file when it is asked for, and not kept.

    ``None`` stands for an image that was not taken, or not kept (``record.depth``).
    """

    def __init__(self, root: Path, names: dict[str, str | None]) -> None:
        self._root = root
        self._names = names

    @property
    def start(self) -> NDArray[np.uint8] | None:
        """The color image before the action, uint8 ``[height, width, 3]``, RGB."""
        return self._color("start")

    @property
    def start_depth(self) -> NDArray[np.uint16] | None:
        """The depth before the action, uint16 ``[height, width]``, in millimeters; 0: no depth."""
        return self._depth("start_depth")

    @property
    def final(self) -> NDArray[np.uint8] | None:
        """The color image after placing, uint8 ``[height, width, 3]``, RGB."""
        return self._color("final")

    @property
    def final_depth(self) -> NDArray[np.uint16] | None:
        """The depth after placing, uint16 ``[height, width]``, in millimeters; 0: no depth."""
        return self._depth("final_depth")

    @property
    def paths(self) -> dict[str, Path]:
        """The files that there are, by ``start``, ``start_depth``, ``final`` and ``final_depth``."""
        return {key: self._root / name for key, name in self._names.items() if name}

    def _color(self, key: str) -> NDArray[np.uint8] | None:
        name = self._names.get(key)
        return None if name is None else _native.read_color(str(self._root / name))

    def _depth(self, key: str) -> NDArray[np.uint16] | None:
        name = self._names.get(key)
        return None if name is None else _native.read_depth_mm(str(self._root / name))

    def __repr__(self) -> str:
        return f"Images({', '.join(self.paths)})"


class Trial:
    """One attempt at a trial.

    Attributes:
        record: The line of the log as a dict. ``docs/formats`` says what each key means.
        images: Its images.
    """

    def __init__(self, root: Path, record: Record) -> None:
        self.record = record
        self.images = Images(root, record["images"])

    @property
    def number(self) -> int:
        """The trial, counted from 1."""
        return int(self.record["trial"])

    @property
    def attempt(self) -> int:
        """The attempt at it, counted from 1; above 1 after a fault."""
        return int(self.record["attempt"])

    @property
    def is_fault(self) -> bool:
        """Whether a fault cut it short. It has no reward then."""
        return (self.record.get("failure") or {}).get("kind") == "fault"

    @property
    def reward(self) -> float | None:
        """The reward, 0 to 1; ``None`` for a fault."""
        return self.record["reward"]  # type: ignore[no-any-return]

    @property
    def estimated_pose(self) -> NDArray[np.float64] | None:
        """Where the camera saw the plate: x and y in meters, yaw in radians, world frame, ``[3]``."""
        return self._pose("estimated_pose")

    @property
    def pick_pose(self) -> NDArray[np.float64] | None:
        """Where the arm picked, ``[3]``."""
        return self._pose("pick_pose")

    @property
    def final_pose(self) -> NDArray[np.float64] | None:
        """Where the camera saw the placed plate, ``[3]``."""
        return self._pose("final_pose")

    @property
    def target_pose(self) -> NDArray[np.float64] | None:
        """Where the plate had to be placed, ``[3]``."""
        return self._pose("target_pose")

    @property
    def plate_in_image(self) -> NDArray[np.float64] | None:
        """Where the image of the start shows the plate: u, v and the length of its diagonal in px."""
        seen = self.record["plate_in_image"]
        return (
            None
            if seen is None
            else np.array([seen["u_px"], seen["v_px"], seen["diagonal_px"]], dtype=np.float64)
        )

    @property
    def adjustment(self) -> NDArray[np.float64] | None:
        """The action: dx and dy in meters, dyaw in radians, ``[3]``."""
        action = self.record["adjustment"]
        return (
            None
            if action is None
            else np.array([action["dx_m"], action["dy_m"], action["dyaw_rad"]], dtype=np.float64)
        )

    def _pose(self, key: str) -> NDArray[np.float64] | None:
        pose = self.record[key]
        return (
            None
            if pose is None
            else np.array([pose["x_m"], pose["y_m"], pose["yaw_rad"]], dtype=np.float64)
        )

    def __repr__(self) -> str:
        what = "fault" if self.is_fault else f"reward {self.reward:.3f}"
        return f"Trial({self.number}, attempt {self.attempt}: {what})"


class Trials(Sequence[Trial]):
    """Attempts of a run, in their order.

    A place, counted from 0, gives a ``Trial``, a slice gives ``Trials``, and the name of a
    column gives an array of its values.
    """

    def __init__(self, root: Path, records: Sequence[Record]) -> None:
        self._root = root
        self._records = list(records)

    @overload
    def __getitem__(self, key: int) -> Trial: ...
    @overload
    def __getitem__(self, key: slice) -> Trials: ...
    @overload
    def __getitem__(self, key: str) -> NDArray[Any]: ...
    def __getitem__(self, key: int | slice | str) -> Trial | Trials | NDArray[Any]:
        if isinstance(key, slice):
            return Trials(self._root, self._records[key])
        if isinstance(key, str):
            for column in COLUMNS:
                if column.name == key:
                    return column.array(self._records)
            raise KeyError(f"{key!r} is no column; the columns are {', '.join(self.columns)}")
        return Trial(self._root, self._records[key])

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Trial]:
        return (Trial(self._root, record) for record in self._records)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in COLUMNS)

    @property
    def records(self) -> list[Record]:
        """The lines of the log, as dicts."""
        return list(self._records)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All columns as arrays ``[count]``. Where there is no value: NaN, -1 or an empty string."""
        return trial_columns.arrays(self._records)

    def to_numpy(self) -> NDArray[Any]:
        """All columns with one type as one structured array ``[count]``."""
        return trial_columns.structured(self._records)

    def to_pandas(self) -> pandas.DataFrame:
        """All columns as a table, by the number of the trial. Needs ``rmrl-robot[pandas]``."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError('pip install "rmrl-robot[pandas]" for tables of pandas') from error
        table = pandas.DataFrame(self.arrays())
        table["time_utc"] = pandas.to_datetime(table["time_utc"], utc=True, format="ISO8601")
        for column in COLUMNS:
            if column.kind == "str" and column.name != "time_utc":
                empty = table[column.name] == ""
                table[column.name] = table[column.name].astype("string").mask(empty)
            if column.kind == "int":
                numbers = table[column.name].astype("Int64")
                table[column.name] = numbers.mask(numbers == -1)
        return table.set_index("trial", drop=False).rename_axis(None)

    def to_arrow(self) -> pyarrow.Table:
        """All columns as a table of Arrow; null where there is no value. Needs ``rmrl-robot[arrow]``.

        ``probabilities`` are lists of lists; ``carries`` and ``plate_location`` are JSON.
        """
        try:
            import pyarrow
        except ImportError as error:
            raise ImportError('pip install "rmrl-robot[arrow]" for tables of Arrow') from error
        types = {
            "float": pyarrow.float64(),
            "int": pyarrow.int64(),
            "bool": pyarrow.bool_(),
            "str": pyarrow.string(),
        }
        objects = {
            "probabilities": pyarrow.list_(pyarrow.list_(pyarrow.float32())),
            "carries": pyarrow.string(),
            "plate_location": pyarrow.string(),
            "true_seated": pyarrow.bool_(),
        }
        return pyarrow.table(
            {
                column.name: pyarrow.array(
                    trial_columns.arrow_values(column, self._records),
                    type=types.get(column.kind) or objects[column.name],
                )
                for column in COLUMNS
            }
        )

    def __repr__(self) -> str:
        return f"Trials({len(self)} of {self._root})"


class Run:
    """A run, read from its directory. Reading changes nothing, also while the run is made.

    Args:
        path: The run directory.

    Raises:
        DamagedRun: A file was changed or damaged; the message names file and line.
        RunError: The directory is no run.
        ConfigurationError: Its configuration is invalid.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._ended: str | None = None
        self.reload()

    def reload(self) -> Run:
        """Reads it again, to see what was added. Returns itself."""
        read = json.loads(_native.read_run(str(self.path)))
        self._state: str = read["state"]
        self._configuration: dict[str, Any] = read["configuration"]
        self._records: list[Record] = read["records"]
        self._target: dict[str, Any] | None = read["target"]
        self._metrics: list[dict[str, Any]] = read["metrics"]
        return self

    @property
    def state(self) -> str:
        """``running``: a process makes it now. ``complete``: it reached its goal. ``incomplete``: it
        stopped before, and ``rmrl_robot.resume`` continues it."""
        return self._state

    @property
    def ended(self) -> str | None:
        """Why it ended, in words, where this program has made it."""
        return self._ended

    @property
    def configuration(self) -> dict[str, Any]:
        """All keys with their values, in nested dicts as ``rmrl config`` has them."""
        return self._configuration

    @property
    def method(self) -> str:
        """The method."""
        return str(self._configuration["method"])

    @property
    def target(self) -> dict[str, Any] | None:
        """The target as it was recorded, ``target.json``; ``None`` before."""
        return self._target

    @property
    def trials(self) -> Trials:
        """The completed trials, tests included."""
        return Trials(self.path, [record for record in self._records if not _is_fault(record)])

    @property
    def faults(self) -> Trials:
        """The attempts that a fault cut short. They have no reward."""
        return Trials(self.path, [record for record in self._records if _is_fault(record)])

    @property
    def attempts(self) -> Trials:
        """All attempts, as the log has them."""
        return Trials(self.path, self._records)

    def trial(self, number: int) -> Trial:
        """The completed trial of this number, counted from 1."""
        for record in reversed(self._records):
            if record["trial"] == number and not _is_fault(record):
                return Trial(self.path, record)
        raise KeyError(f"{self.path} has no completed trial {number}; it has {len(self.trials)}")

    @property
    def metrics(self) -> dict[str, NDArray[Any]]:
        """The numbers of each completed trial, as in ``metrics.csv``: arrays ``[trials]``.

        ``e_trans_mm``, ``yaw_error_deg`` and ``true_e_trans_mm`` are NaN where no plate was placed.
        """
        names = (
            *("trial", "scene", "reward", "reward_average", "e_trans_mm", "yaw_error_deg"),
            *("true_e_trans_mm", "placed", "faults", "test"),
        )
        integers = {"trial", "scene", "faults"}
        truths = {"placed", "test"}

        def column(name: str) -> NDArray[Any]:
            values = [row[name] for row in self._metrics]
            if name in integers:
                return np.array(values, dtype=np.int64)
            if name in truths:
                return np.array(values, dtype=np.bool_)
            return np.array([np.nan if one is None else one for one in values], dtype=np.float64)

        return {name: column(name) for name in names}

    def to_pandas(self) -> pandas.DataFrame:
        """The completed trials as a table; see ``Trials.to_pandas``."""
        return self.trials.to_pandas()

    def to_arrow(self) -> pyarrow.Table:
        """The completed trials as a table of Arrow; see ``Trials.to_arrow``."""
        return self.trials.to_arrow()

    @property
    def calibration(self) -> Calibration:
        """The camera of the run."""
        from rmrl_robot.perception import Calibration

        return Calibration.read(self.path / "camera.toml")

    def policy(self) -> Policy:
        """What it deploys: its policy network, or the belief of its self-calibration."""
        from rmrl_robot.policies import Policy

        return Policy.load(self)

    def report(self) -> Path:
        """Writes its report, ``report.html``, and returns the path."""
        path = self.path / "report.html"
        path.write_text(_native.run_report(str(self.path)), encoding="utf-8")
        return path

    def __repr__(self) -> str:
        trials, faults = len(self.trials), len(self.faults)
        return f"Run({str(self.path)!r}: {self.method}, {trials} trials, {faults} faults, {self.state})"


def _is_fault(record: Record) -> bool:
    return (record.get("failure") or {}).get("kind") == "fault"
