"""The devices of the simulated cell, for tests and to try a program without a robot."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rmrl_robot import _native
from rmrl_robot.configuration import assignments
from rmrl_robot.devices import Arm, Camera, Devices, Gripper, Operator, Refused, ToolPose


class SimulatedArm(Arm):
    """The simulated arm.

    Args:
        cell: The simulated cell.
        pace: How many simulated seconds pass in a second; ``None`` for motions that take no time.
    """

    def __init__(self, cell: _native.SimulatedCell, pace: float | None = None) -> None:
        self._cell = cell
        self._pace = pace
        self._stopped = threading.Event()
        self._moving = threading.Lock()

    def move_to(
        self, x_m: float, y_m: float, z_m: float, yaw_rad: float, speed_m_s: float
    ) -> ToolPose:
        with self._moving:
            if self._pace is None:
                return self._line(ToolPose(x_m, y_m, z_m, yaw_rad), speed_m_s)
            # In steps of at most a hundredth of a second, so that a stop ends the motion under way.
            here, target = np.array(self._cell.pose()), np.array((x_m, y_m, z_m, yaw_rad))
            seconds = float(np.linalg.norm((target - here)[:3])) / speed_m_s / self._pace
            steps = max(1, int(100 * seconds))
            for step in range(1, steps + 1):
                time.sleep(seconds / steps)
                at = target if step == steps else here + (target - here) * step / steps
                commanded = self._line(ToolPose(*at.tolist()), speed_m_s)
            return commanded

    def _line(self, target: ToolPose, speed_m_s: float) -> ToolPose:
        if self._stopped.is_set():
            raise Refused("the arm was stopped and not recovered")
        return ToolPose(*self._cell.move_to(target, speed_m_s))

    def pose(self) -> ToolPose:
        return ToolPose(*self._cell.pose())

    def stop(self) -> None:
        self._stopped.set()
        # The step under way is the last one.
        with self._moving:
            pass

    def recover(self) -> None:
        self._stopped.clear()
        self._cell.recover()


class SimulatedGripper(Gripper):
    """The simulated gripper."""

    def __init__(self, cell: _native.SimulatedCell) -> None:
        self._cell = cell

    def open(self, width_m: float) -> None:
        self._cell.open(width_m)

    def close(self) -> None:
        self._cell.close()

    def holds_object(self) -> bool:
        return self._cell.holds_object()

    def measured_width_m(self) -> float | None:
        return self._cell.measured_width_m()

    def recover(self) -> None:
        return None


class SimulatedCamera(Camera):
    """The simulated camera. Its calibration says by how much it truly is off."""

    def __init__(self, cell: _native.SimulatedCell) -> None:
        self._cell = cell

    def capture(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
        return self._cell.capture()

    def model(self) -> dict[str, Any]:
        model: dict[str, Any] = json.loads(self._cell.camera_file())
        return model


class SimulatedOperator(Operator):
    """The simulated operator, who permits every motion: nobody can be hurt."""

    def __init__(self, cell: _native.SimulatedCell) -> None:
        self._cell = cell

    def permit_motion(self, motion: str) -> bool:
        return True

    def put_plate_at_target(self) -> None:
        self._cell.put_plate_at_target()

    def put_plate_near(self, x_m: float, y_m: float, yaw_rad: float) -> None:
        self._cell.put_plate_near(x_m, y_m, yaw_rad)

    def exchange_plate(self, scene: int) -> None:
        self._cell.exchange_plate(scene)


def simulated_cell(
    config: Mapping[str, Any] | None = None, *, file: str | os.PathLike[str] | None = None
) -> _native.SimulatedCell:
    """The simulated cell of a configuration; ``seed`` and ``cell.seed`` decide which one."""
    return _native.SimulatedCell(
        None if file is None else os.fspath(file), assignments(config or {})
    )


def simulated_devices(cell: _native.SimulatedCell, pace: float | None = None) -> Devices:
    """All devices of a simulated cell; for ``pace`` see ``SimulatedArm``."""
    return Devices(
        arm=SimulatedArm(cell, pace),
        gripper=SimulatedGripper(cell),
        camera=SimulatedCamera(cell),
        operator=SimulatedOperator(cell),
    )
