"""Checks that a driver does what a run relies on, against its device or a mock.

    python -m rmrl_robot.conformance my_robot:MyArm --box 0.30 0.36 -0.05 0.05 0.20 0.26
    python -m rmrl_robot.conformance my_robot:MyGripper --widths 0.10 0.13
    python -m rmrl_robot.conformance my_robot:MyCamera

``MODULE:NAME`` is a class, or a function, that is called without arguments and returns an arm, a gripper, a camera, or
``Devices``. An arm moves inside the box only, slowly, and asks before it moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rmrl_robot.conformance.arm import ARRIVED_M, Box, check_arm
from rmrl_robot.conformance.camera import check_camera
from rmrl_robot.conformance.gripper import check_gripper
from rmrl_robot.conformance.report import Check, Report
from rmrl_robot.devices import Arm, Camera, Gripper, ToolPose

__all__ = [
    "Box",
    "Check",
    "Report",
    "check_arm",
    "check_camera",
    "check_devices",
    "check_gripper",
]


def check_devices(
    *,
    arm: Arm | None = None,
    gripper: Gripper | None = None,
    camera: Camera | None = None,
    box: Box | None = None,
    widths_m: Sequence[float] = (0.1, 0.13),
    speed_m_s: float = 0.05,
    contact: ToolPose | None = None,
    object_m: float | None = None,
    ask: Callable[[str], bool] = lambda _: True,
    on_check: Callable[[Check], None] = lambda _: None,
) -> Report:
    """Checks all devices that are given; see ``check_arm``, ``check_gripper`` and ``check_camera``.

    The camera is checked last: where it sees the arm, its frames have to show what that did.
    """
    report, move = Report(), None
    if gripper is not None:
        report.checks += check_gripper(
            gripper, widths_m, object_m=object_m, ask=ask, on_check=on_check
        ).checks
    if arm is not None:
        if box is None:
            raise TypeError("box is missing: an arm moves inside of it, and nowhere else")
        made = check_arm(arm, box, speed_m_s=speed_m_s, contact=contact, ask=ask, on_check=on_check)
        report.checks += made.checks
        if made.is_conforming and all(check.status == "ok" for check in made.checks[:2]):
            move = _mover(arm, box, speed_m_s)
    if camera is not None:
        report.checks += check_camera(camera, move=move, on_check=on_check).checks
    return report


def _mover(arm: Arm, box: Box, speed_m_s: float) -> Callable[[], None]:
    """Moves the arm from one corner of the box to the other."""

    def move() -> None:
        here = ToolPose(*arm.pose())
        first, second = box.corners(here.yaw_rad)
        target = second if math.dist(here[:3], first[:3]) < ARRIVED_M else first
        arm.move_to(*target, speed_m_s)

    return move
