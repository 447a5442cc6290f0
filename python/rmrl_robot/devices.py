"""Your robot: arm, gripper, camera and operator as classes that a run drives.

Derive from ``Arm``, ``Gripper``, ``Camera`` and ``Operator``, and give objects of them to
``train``. The run is that of ``rmrl train``: every motion passes the safety envelope, the stop switch and the contact
latch; every attempt is on disk before the next one; a run that was interrupted is resumed with ``resume``.

All lengths are meters, all angles radians, all times seconds. Poses are in the world's frame, which is that of the robot's
base: x ahead, y to its left, z up.
"""

from __future__ import annotations

import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmrl_robot import _native
from rmrl_robot.configuration import assignments
from rmrl_robot.errors import RmrlError


class ToolPose(NamedTuple):
    """A pose of the tool, which points straight down.

    The tool's point is midway between the finger tips, at their lower ends. At ``yaw_rad = 0`` the jaws close along y.
    """

    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float


class DeviceFailure(RmrlError):
    """Base of what a driver raises instead of doing what it was asked."""


class Collision(DeviceFailure):
    """The arm met something and stopped where it was; ``Arm.recover`` makes it movable again.

    Attributes:
        pose: Where the tool stopped.
    """

    def __init__(self, pose: ToolPose | tuple[float, float, float, float]) -> None:
        self.pose = ToolPose(*pose)
        super().__init__(f"the arm met something at {self.pose}")

    def __reduce__(self) -> tuple[type[Collision], tuple[ToolPose]]:
        return type(self), (self.pose,)


class Disconnected(DeviceFailure):
    """The device no longer answers. The trial tries it again a few times."""


class TimedOut(DeviceFailure):
    """The device answered, but did not finish in time. The trial tries it again a few times.

    Attributes:
        timeout_s: How long the driver waited.
    """

    def __init__(self, message: str, timeout_s: float) -> None:
        super().__init__(message, timeout_s)
        self.timeout_s = timeout_s

    def __str__(self) -> str:
        return str(self.args[0])


class Refused(DeviceFailure):
    """The device refused the command. The attempt ends, and the trial is repeated."""


class NeedsOperator(DeviceFailure):
    """The device stands until a person has been there. The run ends."""


class Declined(DeviceFailure):
    """The operator said no."""


class Arm(ABC):
    """An arm that moves its tool in straight lines, the tool pointing straight down.

    Each method is called on one thread that is the arm's own, except ``stop``. Creating the object may connect, and
    moves and sets nothing: the operator has not permitted a motion yet.

    Attributes:
        move_timeout_s: How long ``move_to`` and ``recover`` may take. Then the stop switch is pressed.
        answer_timeout_s: How long ``pose`` may take. Then the stop switch is pressed.
        stop_timeout_s: How long ``stop`` may take until the stop counts as not confirmed.
    """

    move_timeout_s: float = 60.0
    answer_timeout_s: float = 5.0
    stop_timeout_s: float = 2.0

    @abstractmethod
    def move_to(
        self, x_m: float, y_m: float, z_m: float, yaw_rad: float, speed_m_s: float
    ) -> ToolPose | tuple[float, float, float, float]:
        """Moves the tool in a straight line at ``speed_m_s`` and returns when it has arrived.

        Returns:
            The pose that was commanded: a driver may have to round.

        Raises:
            Collision: Something was met on the way.
            Refused: The arm was stopped, has met something and was not recovered, or does not go there.
        """

    @abstractmethod
    def pose(self) -> ToolPose | tuple[float, float, float, float]:
        """Where the tool is now. Changes nothing: it is called before a motion is permitted."""

    @abstractmethod
    def stop(self) -> None:
        """Ends a motion under way at once, and returns when the arm stands.

        It is called from another thread, while ``move_to`` may run, and again until it returns without an exception.
        Afterwards ``move_to`` raises ``Refused`` until ``recover`` was called, also where it is called at the same moment.
        """

    @abstractmethod
    def recover(self) -> None:
        """Makes the arm movable again after a collision or a stop, where it stands. Does nothing where there was none."""


class Gripper(ABC):
    """A parallel gripper that knows whether it holds something.

    Attributes:
        jaws_timeout_s: How long ``open``, ``close``, ``recover`` and ``power_on`` may take.
        answer_timeout_s: How long ``holds_object`` and ``measured_width_m`` may take.
    """

    jaws_timeout_s: float = 20.0
    answer_timeout_s: float = 5.0

    @abstractmethod
    def open(self, width_m: float) -> None:
        """Opens until the jaws are ``width_m`` apart, and returns when they are.

        Raises:
            Refused: The gripper does not have this width.
        """

    @abstractmethod
    def close(self) -> None:
        """Closes until the jaws meet resistance or each other, and returns then."""

    @abstractmethod
    def holds_object(self) -> bool:
        """Whether the jaws hold something now."""

    def measured_width_m(self) -> float | None:
        """How far apart the jaws are as the gripper measures it; ``None`` where it does not measure."""
        return None

    @abstractmethod
    def recover(self) -> None:
        """Makes the gripper usable again after an error, the jaws as they are. Does nothing where there was none."""

    def power_on(self) -> None:
        """Gives the gripper power where it has none. It is called only when the jaws hold nothing."""
        return


class Camera(ABC):
    """An overhead RGB-D camera.

    Attributes:
        capture_timeout_s: How long ``capture`` and ``model`` may take.
    """

    capture_timeout_s: float = 10.0

    @abstractmethod
    def capture(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
        """Takes one frame, exposed after the call: never one from a queue.

        Returns:
            The color, uint8 ``[height, width, 3]`` in the order red, green, blue; and the depth along the optical axis,
            aligned to the color pixel by pixel, ``[height, width]``: uint16 in millimeters, or float32 in meters. Depth that
            was not measured is 0 or NaN.
        """

    @abstractmethod
    def model(self) -> str | os.PathLike[str] | Mapping[str, Any]:
        """The calibrated camera: the path of a camera file of ``rmrl calibrate``, or a mapping with its keys.

        The keys are ``intrinsics`` (``width``, ``height``, ``fx``, ``fy``, ``cx``, ``cy`` in pixels, ``distortion``),
        ``world_from_camera`` (``translation_m`` and ``rotation``, row by row), and ``calibration`` (``made``, ``checked``,
        ``residual_mm``), without which no run begins.
        """


class Operator(ABC):
    """The person beside the cell, who does what the robot cannot. Each method returns when it is done.

    Raise ``NeedsOperator`` where nobody can be asked.

    Attributes:
        operator_timeout_s: How long an answer may take; ``None`` for as long as it takes. A stop ends the wait.
    """

    operator_timeout_s: float | None = None

    @abstractmethod
    def permit_motion(self, motion: str) -> bool:
        """Whether the arm may make its first motion, which ``motion`` describes, and all that follow."""

    @abstractmethod
    def put_plate_at_target(self) -> None:
        """Puts the plate exactly into its target."""

    @abstractmethod
    def put_plate_near(self, x_m: float, y_m: float, yaw_rad: float) -> None:
        """Puts the lost plate back, its center within 2 cm of the pose."""

    def exchange_plate(self, scene: int) -> None:
        """Makes sure that the plate is the one of ``scene``, counted from 1. Nothing to do where all have the same."""
        return

    def seat_item(self, item: str, slot: str) -> None:
        """Nudges an item exactly into its slot. For transfers between sites."""
        raise NeedsOperator(f"{item} has to lie in {slot} exactly where it should")


@dataclass(frozen=True)
class Devices:
    """The devices that your program brings.

    Arm and gripper come together; without them, the arm is that of the configuration (an xArm). Without a camera or an
    operator, these are those of the configuration, too: a RealSense in a build with one, the person at the terminal.
    The same object may be several devices; it then has one thread. Time-outs are read when the devices are first used.
    """

    arm: Arm | None = None
    gripper: Gripper | None = None
    camera: Camera | None = None
    operator: Operator | None = None

    def __post_init__(self) -> None:
        for name, kind in (
            ("arm", Arm),
            ("gripper", Gripper),
            ("camera", Camera),
            ("operator", Operator),
        ):
            device = getattr(self, name)
            if device is not None and not isinstance(device, kind):
                given = f"the class {device.__name__}" if isinstance(device, type) else repr(device)
                raise TypeError(
                    f"{name} is {given}; expected an object of a class that derives from "
                    f"rmrl_robot.devices.{kind.__name__}"
                )
        if (self.arm is None) != (self.gripper is None):
            raise TypeError("an arm and a gripper belong together: give both, or none")
        if all(device is None for device in (self.arm, self.camera, self.operator)):
            raise TypeError("no device is given; without any, use `rmrl train`")

    def _configuration(self) -> dict[str, Any]:
        """The keys of a configuration that say which devices the program brings."""
        external = {
            "cell.kind": self.arm,
            "camera.source": self.camera,
            "cell.operator": self.operator,
        }
        return {key: "external" for key, device in external.items() if device is not None}

    @cached_property
    def _set(self) -> _native.DeviceSet:
        # One for all runs: a call that hangs is the only one to its object.
        return _native.DeviceSet(self.arm, self.gripper, self.camera, self.operator)


@dataclass(frozen=True)
class RunEnd:
    """How a run ended.

    Attributes:
        run: The run directory.
        outcome: ``goal``; ``early``, between two attempts; or ``stopped``, during one. All but the first can be resumed.
        ended: Why, in words.
        attempts: All attempts so far, those of earlier starts included.
        trials: Those that were completed.
        stop: Whether the arm has confirmed that it stands; ``None`` where nobody pressed the stop switch.
    """

    run: Path
    outcome: str
    ended: str
    attempts: int
    trials: int
    stop: str | None


def train(
    config: Mapping[str, Any] | None = None,
    *,
    devices: Devices,
    out: str | os.PathLike[str],
    file: str | os.PathLike[str] | None = None,
    unasked: bool = False,
    on_attempt: Callable[[dict[str, Any]], None] | None = None,
) -> RunEnd:
    """Trains in your cell: what ``rmrl train`` does, with your devices. Ctrl-C stops the arm and ends the run.

    Args:
        config: Keys and values as ``rmrl config`` prints them, nested or dotted. ``cell.kind``, ``camera.source`` and
            ``cell.operator`` follow from ``devices``.
        devices: The devices that your program brings.
        out: The directory of the new run. It is not left behind where nothing was recorded.
        file: A configuration file, below ``config``.
        unasked: Let the arm move without asking its operator first: for cells with an interlock that keeps people away.
        on_attempt: Is called with the line of the log after each attempt. What it raises ends the run before the next one.

    Raises:
        ConfigurationError: The configuration is invalid.
        KeyboardInterrupt: Ctrl-C was pressed. The arm was stopped, and the run can be resumed.
        RuntimeError: The run could not begin, or a person has to come. What is recorded is safe.
    """
    keys = {**(config or {}), **devices._configuration()}
    run = Path(out)
    native = devices._set
    _native.create_run(run, None if file is None else os.fspath(file), assignments(keys))
    try:
        return _run(run, native, [], unasked, on_attempt)
    finally:
        if not any((run / part / "target.json").exists() for part in (".", "earlier-run")):
            # Nothing was recorded.
            shutil.rmtree(run, ignore_errors=True)


def resume(
    run: str | os.PathLike[str],
    *,
    devices: Devices,
    config: Mapping[str, Any] | None = None,
    unasked: bool = False,
    on_attempt: Callable[[dict[str, Any]], None] | None = None,
) -> RunEnd:
    """Resumes a run that was interrupted, with your devices; see ``train``.

    Args:
        run: The run directory.
        devices: The devices that your program brings, as at the start of the run.
        config: What may be another at each start: ``[page]`` and ``[notify]``.
        unasked: As in ``train``.
        on_attempt: As in ``train``.
    """
    return _run(Path(run), devices._set, assignments(config or {}), unasked, on_attempt)


def _run(
    run: Path,
    devices: _native.DeviceSet,
    changes: list[str],
    unasked: bool,
    on_attempt: Callable[[dict[str, Any]], None] | None,
) -> RunEnd:
    call = None
    if on_attempt is not None:
        heard = on_attempt

        def call(line: str) -> None:
            heard(json.loads(line))

    return RunEnd(
        run=run, **json.loads(_native.run_with_devices(run, devices, changes, unasked, call))
    )


def _camera_file(model: object) -> tuple[str, bool]:
    """What ``Camera.model`` returned: a file's text, or a mapping as JSON. Called by the native part."""
    if isinstance(model, (str, os.PathLike)):
        return Path(model).read_text(encoding="utf-8"), False
    if isinstance(model, Mapping):
        return json.dumps(dict(model), default=_plain), True
    raise TypeError(f"the model is {model!r}; expected the path of a camera file or a mapping")


def _plain(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{value!r} in a camera model is no number, text, list or mapping")
