"""Policies and beliefs of runs, asked with a picture and a pose."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmrl_robot import _native
from rmrl_robot.runs import Run

__all__ = ["Belief", "Decision", "Pick", "Policy"]

Numbers = Sequence[float] | NDArray[np.floating]
Components = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Decision:
    """What a policy does in a state.

    Attributes:
        dx_m: The correction of the pick along x of the world, in meters.
        dy_m: Along y.
        dyaw_rad: Counterclockwise, in radians.
        pick_pose: Where the tool picks: x and y in meters, yaw in radians, float64 ``[3]``.
        index: The chosen candidates, one for each component; ``None`` for a belief, and where the
            policy abstained.
        probabilities: Of every candidate, three arrays of float32; ``None`` for a belief.
        candidates: The values of the candidates in meters, meters and radians, three arrays of
            float64; ``None`` for a belief.
        abstained: The state is unlike those of the training, or the interval too wide for the task.
        interval_m: 95 % of plates are expected within this distance of the target, in meters; ``None``
            where the policy does not know.
    """

    dx_m: float
    dy_m: float
    dyaw_rad: float
    pick_pose: NDArray[np.float64]
    index: tuple[int, int, int] | None
    probabilities: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]] | None
    candidates: Components | None
    abstained: bool
    interval_m: float | None

    @property
    def correction(self) -> NDArray[np.float64]:
        """dx and dy in meters, dyaw in radians, float64 ``[3]``."""
        return np.array([self.dx_m, self.dy_m, self.dyaw_rad])


class Policy:
    """What a run deploys: its policy network, or the belief of its self-calibration.

    The same Rust code decides as in ``rmrl eval`` and in transfers. It is safe to use one policy from
    several threads; one decides after the other, without Python's lock.
    """

    def __init__(self, native: _native.LoadedPolicy) -> None:
        self._native = native
        candidates = native.candidates
        self._candidates = None if candidates is None else _three(candidates)

    @classmethod
    def load(cls, source: Run | str | os.PathLike[str]) -> Policy:
        """Loads the policy of a run, a ``policy.safetensors`` or a ``belief.json``.

        A file in a run directory has the run's configuration and camera, too. Elsewhere
        ``plate_in_image`` is needed, and nothing limits the correction of a belief.

        Raises:
            RunError: There is none, or the file is damaged.
        """
        path = source.path if isinstance(source, Run) else source
        return cls(_native.LoadedPolicy.load(os.fspath(path)))

    @property
    def is_belief(self) -> bool:
        """Whether it is the belief of a self-calibration, without candidates and probabilities."""
        return self._native.is_belief

    @property
    def candidates(self) -> Components | None:
        """The candidates in meters, meters and radians; ``None`` for a belief."""
        return self._candidates

    def act(
        self,
        image: NDArray[np.uint8],
        pose: Numbers,
        plate_in_image: Numbers | None = None,
        *,
        look_error_m: Numbers | None = None,
    ) -> Decision:
        """Decides for a plate that the camera sees.

        Args:
            image: The camera's whole picture, uint8 ``[height, width, 3]``, RGB.
            pose: The plate's pose by the localizer: x and y in meters, yaw in radians, world frame.
            plate_in_image: Where the picture shows the plate as the localizer measured it: u and v of
                its center and the length of its diagonal, in pixels. Without it that follows from the
                pose and the run's camera, for a plate as high as the run's usually were.
            look_error_m: By how much the pose is off along x and y, in meters. Without it the method's
                network reads that in the picture, if it has one. Only beliefs use it.

        Raises:
            TypeError, ValueError: What was given is something else; the message says what is expected.
        """
        pose_ = _vector(pose, "pose", 3)
        plate = None if plate_in_image is None else _vector(plate_in_image, "plate_in_image", 3)
        error = None if look_error_m is None else _vector(look_error_m, "look_error_m", 2)
        decided = self._native.decide(image, pose_, plate, error)
        change = (decided["dx_m"], decided["dy_m"], decided["dyaw_rad"])
        index, probabilities = decided["index"], decided["probabilities"]
        return Decision(
            *change,
            pick_pose=pose_ + np.array(change),
            index=None if index is None else (index[0], index[1], index[2]),
            probabilities=None if probabilities is None else _three(probabilities),
            candidates=self._candidates,
            abstained=decided["abstained"],
            interval_m=decided["interval_m"],
        )

    def plate_in_image(self, pose: Numbers) -> NDArray[np.float64] | None:
        """Where the run's camera shows a plate at a pose: u, v and its diagonal in pixels, ``[3]``.

        ``None`` without a run's camera, and where it sees no plate.
        """
        seen = self._native.plate_in_image(_vector(pose, "pose", 3))
        return None if seen is None else np.array(seen)

    def __repr__(self) -> str:
        if self._candidates is None:
            return "Policy(a belief)"
        sizes = " x ".join(str(len(values)) for values in self._candidates)
        return f"Policy({sizes} candidates)"


@dataclass(frozen=True, eq=False)
class Pick:
    """Where a belief picks.

    Attributes:
        tool_pose: The tool's pose to command: x and y in meters, yaw in radians, float64 ``[3]``.
        along_m: The standard deviation of where the plate will lie along the fingers, in meters.
        across_m: That of its offset across the fingers before they close, in meters.
        interval_m: Half the 95 % interval of where it will lie along the fingers, in meters.
    """

    tool_pose: NDArray[np.float64]
    along_m: float
    across_m: float
    interval_m: float


class Belief:
    """What a self-calibration knows of camera, tool and arm: its ``belief.json``.

    Attributes:
        unknowns: The names of what is not known for sure, in their order.
        values: The most probable values, in meters, radians and without a unit, float64 ``[n]``.
        covariance: Their covariance, float64 ``[n, n]``.
        middle_m: The middle of the workspace, in meters, float64 ``[2]``.
        look_m: The scale of a look's noise, in meters.
    """

    def __init__(self, text: str) -> None:
        self._native = _native.LoadedBelief.parse(text)
        content = json.loads(self._native.to_json())
        self.unknowns: tuple[str, ...] = tuple(content["unknowns"])
        self.values: NDArray[np.float64] = np.array(content["values"], dtype=np.float64)
        self.covariance: NDArray[np.float64] = np.array(content["covariance"], dtype=np.float64)
        self.middle_m: NDArray[np.float64] = np.array(content["middle_m"], dtype=np.float64)
        self.look_m = float(content["look_m"])

    @classmethod
    def load(cls, source: Run | str | os.PathLike[str]) -> Belief:
        """Loads the belief of a run, or a ``belief.json``.

        Raises:
            FileNotFoundError: There is none: the run's method is another, or it has not ended.
            ValueError: It is damaged.
        """
        path = source.path if isinstance(source, Run) else Path(source)
        file = path / "belief.json" if path.is_dir() else path
        try:
            return cls(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{file} is damaged: {error}") from error

    @property
    def carries(self) -> int:
        """The carries that it was learned from."""
        return self._native.carries

    def pick(self, pose: Numbers, look_error_m: Numbers | None = None) -> Pick:
        """Where the tool picks a plate that the camera sees at a pose.

        Args:
            pose: By the localizer: x and y in meters, yaw in radians, world frame.
            look_error_m: By how much that is off along x and y, in meters, if something says it.
        """
        error = None if look_error_m is None else _vector(look_error_m, "look_error_m", 2)
        tool, (along_m, across_m, interval_m) = self._native.pick(_vector(pose, "pose", 3), error)
        return Pick(np.array(tool), along_m, across_m, interval_m)

    def to_json(self) -> str:
        """The text of its file."""
        return self._native.to_json()

    def __repr__(self) -> str:
        return f"Belief({self.carries} carries)"


def _vector(value: Numbers, name: str, count: int) -> NDArray[np.float64]:
    try:
        vector = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        vector = np.empty(0)
    if vector.shape != (count,) or not np.isfinite(vector).all():
        raise ValueError(f"{name} is {value!r}; expected {count} finite numbers")
    return vector


def _three(values: Sequence[NDArray[np.generic]]) -> tuple:  # type: ignore[type-arg]
    first, second, third = values
    return first, second, third
