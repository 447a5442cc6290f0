"""The conformance kit passes the simulated devices, and finds what is wrong with each of many broken drivers."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmrl_robot import _native
from rmrl_robot.conformance import (
    Box,
    Report,
    arm,
    check_arm,
    check_camera,
    check_devices,
    check_gripper,
)
from rmrl_robot.devices import Refused, ToolPose
from rmrl_robot.simulated import (
    SimulatedArm,
    SimulatedCamera,
    SimulatedGripper,
    simulated_cell,
    simulated_devices,
)

WIDTHS = (0.09, 0.13)
SPEED = 0.4
TARGET = ToolPose(0.46, 0.18, 0.004, 0.0)


@pytest.fixture(autouse=True)
def watched_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm, "WATCH_S", 0.03)


def box_around(pose: ToolPose) -> Box:
    x_m, y_m, z_m = ((value - 0.025, value + 0.025) for value in pose[:3])
    return Box(x_m, y_m, z_m)


def arm_report(kind: type[SimulatedArm], contact: ToolPose | None = None) -> Report:
    cell = simulated_cell()
    cell.put_plate_at_target()
    # The closed jaws meet the plate from above.
    cell.close()
    driver = kind(cell, pace=1.0)
    here = ToolPose(*cell.pose())
    return check_arm(driver, box_around(here), speed_m_s=SPEED, contact=contact)


def test_the_simulated_devices_conform() -> None:
    cell = simulated_cell()
    cell.put_plate_at_target()
    devices = simulated_devices(cell, pace=1.0)
    box = box_around(ToolPose(*cell.pose()))
    asked: list[str] = []
    heard: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return True

    report = check_devices(
        arm=devices.arm,
        gripper=devices.gripper,
        camera=devices.camera,
        box=box,
        widths_m=WIDTHS,
        speed_m_s=SPEED,
        ask=ask,
        on_check=lambda check: heard.append(check.name),
    )
    assert report.is_conforming, str(report)
    skipped = [check.name for check in report.checks if check.status == "skipped"]
    assert skipped == ["holds an object", "collision", "fresh frames"], str(report)
    assert heard == [check.name for check in report.checks]
    assert len(asked) == 2 and "m/s in the box" in asked[1]


class ReturnsEarly(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        threading.Thread(target=super().move_to, args=arguments).start()
        return ToolPose(*arguments[:4])


class InMillimeters(SimulatedArm):
    def pose(self) -> ToolPose:
        x_m, y_m, z_m, yaw_rad = super().pose()
        return ToolPose(1000 * x_m, 1000 * y_m, 1000 * z_m, yaw_rad)


class OfOneThread(SimulatedArm):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._thread = threading.current_thread()

    def pose(self) -> ToolPose:
        if threading.current_thread() is not self._thread:
            raise RuntimeError("called from another thread")
        return super().pose()


class SaysNothing(SimulatedArm):
    def move_to(self, *arguments: float) -> Any:
        super().move_to(*arguments)


class RoundsSilently(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        rounded = [round(value, 2) for value in arguments[:3]]
        super().move_to(*rounded, *arguments[3:])
        return ToolPose(*arguments[:4])


class ReturnsTheOldPose(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        old = self.pose()
        super().move_to(*arguments)
        return old


class NeverTurns(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        x_m, y_m, z_m, yaw_rad, speed_m_s = arguments
        super().move_to(x_m, y_m, z_m, self.pose().yaw_rad, speed_m_s)
        return ToolPose(x_m, y_m, z_m, yaw_rad)


class KnowsOneTurn(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        if abs(arguments[3]) > 3.2:
            raise Refused("the yaw is out of range")
        return super().move_to(*arguments)


class HasOneSpeed(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        return super().move_to(*arguments[:4], SPEED)


class Hurries(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        return super().move_to(*arguments[:4], 3 * arguments[4])


class NeverStops(SimulatedArm):
    def stop(self) -> None:
        pass


class StopsAtTheEnd(SimulatedArm):
    def stop(self) -> None:
        with self._moving:
            self._stopped.set()


class HangsAtStop(SimulatedArm):
    stop_timeout_s = 0.3

    def stop(self) -> None:
        super().stop()
        time.sleep(1)


class EndsWithoutAWord(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        try:
            return super().move_to(*arguments)
        except Refused:
            if self.pose()[:3] == self.__dict__.get("_there"):
                raise
            self._there = self.pose()[:3]
            return ToolPose(*arguments[:4])


class MovesAfterAStop(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        if not self._moving.locked():
            self._stopped.clear()
        return super().move_to(*arguments)


class NeverRecovers(SimulatedArm):
    def recover(self) -> None:
        pass


class MovesAtRecovery(SimulatedArm):
    def recover(self) -> None:
        super().recover()
        x_m, y_m, z_m, yaw_rad = self.pose()
        super().move_to(x_m, y_m, z_m + 0.002, yaw_rad, SPEED)


class HidesContact(SimulatedArm):
    def _line(self, target: ToolPose, speed_m_s: float) -> ToolPose:
        try:
            return super()._line(target, speed_m_s)
        except Exception as error:
            if type(error).__name__ != "Collision":
                raise
            return target


class RecoversByItself(SimulatedArm):
    def move_to(self, *arguments: float) -> ToolPose:
        if not self._stopped.is_set():
            self._cell.recover()
        return super().move_to(*arguments)


ARMS = [
    (ReturnsEarly, "arm: arrives"),
    (InMillimeters, "arm: pose"),
    (OfOneThread, "arm: pose"),
    (SaysNothing, "arm: arrives"),
    (RoundsSilently, "arm: arrives"),
    (ReturnsTheOldPose, "arm: commanded pose"),
    (NeverTurns, "arm: yaw"),
    (KnowsOneTurn, "arm: yaw"),
    (HasOneSpeed, "arm: speed"),
    (Hurries, "arm: speed"),
    (NeverStops, "arm: stop"),
    (StopsAtTheEnd, "arm: stop"),
    (HangsAtStop, "arm: stop"),
    (EndsWithoutAWord, "arm: stop"),
    (MovesAfterAStop, "arm: refuses after stop"),
    (NeverRecovers, "arm: recover"),
    (MovesAtRecovery, "arm: recover"),
    (HidesContact, "arm: collision"),
    (RecoversByItself, "arm: collision"),
]


def test_an_arm_that_meets_something_conforms() -> None:
    report = arm_report(SimulatedArm, TARGET)
    assert report.is_conforming, str(report)
    assert all(check.status == "ok" for check in report.checks), str(report)


@pytest.mark.parametrize(("kind", "expected"), ARMS)
def test_a_broken_arm_fails_its_check(kind: type[SimulatedArm], expected: str) -> None:
    report = arm_report(kind, TARGET if expected == "arm: collision" else None)
    assert report.failed() and report.failed()[0] == expected, str(report)


def test_nothing_moves_without_a_permission_or_outside_of_the_box() -> None:
    cell = simulated_cell()
    here = ToolPose(*cell.pose())
    moved: list[int] = []

    class Counts(SimulatedArm):
        def move_to(self, *arguments: float) -> ToolPose:
            moved.append(1)
            return super().move_to(*arguments)

    declined = check_arm(Counts(cell), box_around(here), ask=lambda _: False)
    assert [check.status for check in declined.checks] == ["ok", "skipped"]
    elsewhere = check_arm(Counts(cell), box_around(here._replace(x_m=here.x_m + 0.2)))
    assert elsewhere.failed() == ["arm: pose"] and "bring it inside by hand" in str(elsewhere)
    assert not moved
    for wrong in ((0.3, 0.3), (0.4, 0.3), (0.0, float("nan"))):
        with pytest.raises(ValueError, match="x_m of the box is"):
            Box(wrong, (0.0, 0.1), (0.2, 0.3))


def gripper_with(method: str, changed: Callable[..., Any]) -> SimulatedGripper:
    return type("Broken", (SimulatedGripper,), {method: changed})(simulated_cell())


GRIPPERS = [
    ("holds_object", lambda _: 1, "gripper: answers"),
    ("holds_object", lambda _: None, "gripper: answers"),
    ("holds_object", lambda _: True, "gripper: opens"),
    ("measured_width_m", lambda self: 1000 * self._cell.measured_width_m(), "gripper: answers"),
    ("measured_width_m", lambda self: self._cell.measured_width_m() / 2, "gripper: opens"),
    ("open", lambda self, width_m: self._cell.open(0.13), "gripper: opens"),
    ("open", lambda self, width_m: self._cell.open(width_m) or True, "gripper: opens"),
    (
        "open",
        lambda self, width_m: self._cell.open(float(np.clip(np.nan_to_num(width_m), 0.08, 0.13))),
        "gripper: refuses widths",
    ),
    ("close", lambda _: None, "gripper: closes on nothing"),
    ("recover", lambda self: self._cell.open(0.09), "gripper: recover"),
    ("power_on", lambda _: False, "gripper: recover"),
]


@pytest.mark.parametrize(("method", "changed", "expected"), GRIPPERS)
def test_a_broken_gripper_fails_its_check(
    method: str, changed: Callable[..., Any], expected: str
) -> None:
    report = check_gripper(gripper_with(method, changed), WIDTHS)
    assert report.failed() and report.failed()[0] == expected, str(report)


def moving_plate(cell: _native.SimulatedCell) -> Callable[[], None]:
    places = itertools.cycle([(0.30, -0.1, 0.0), (0.42, 0.1, 0.3)])
    return lambda: cell.put_plate_near(*next(places))


class Queues(SimulatedCamera):
    """It returns the frame that was taken a call earlier."""

    def capture(self) -> Any:
        queue = self.__dict__.setdefault("_queue", [super().capture()])
        queue.append(super().capture())
        return queue.pop(0)


class Repeats(SimulatedCamera):
    def capture(self) -> Any:
        return self.__dict__.setdefault("_frame", super().capture())


CAMERAS: list[tuple[str, Callable[[Any], Any], str]] = [
    ("model", lambda model: {key: model[key] for key in ("intrinsics",)}, "camera: model"),
    ("model", lambda model: None, "camera: model"),
    ("model", lambda model: {**model, "fov": 3}, "camera: model"),
    ("capture", lambda frame: frame[0], "camera: frame"),
    ("capture", lambda frame: (frame[0][..., :2], frame[1]), "camera: frame"),
    ("capture", lambda frame: (frame[0], frame[1][1:]), "camera: frame"),
    ("capture", lambda frame: (frame[0] / 255.0, frame[1]), "camera: frame"),
    ("capture", lambda frame: (frame[0], frame[1] * 4), "camera: depth"),
    ("capture", lambda frame: (frame[0], frame[1].astype(np.float32)), "camera: depth"),
    ("capture", lambda frame: (frame[0], 0 * frame[1]), "camera: depth"),
]


@pytest.mark.parametrize(("method", "change", "expected"), CAMERAS)
def test_a_broken_camera_fails_its_check(
    method: str, change: Callable[[Any], Any], expected: str
) -> None:
    def changed(self: Any) -> Any:
        return change(getattr(SimulatedCamera, method)(self))

    report = check_camera(type("Broken", (SimulatedCamera,), {method: changed})(simulated_cell()))
    assert report.failed() and report.failed()[0] == expected, str(report)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(SimulatedCamera, []), (Queues, ["camera: fresh frames"]), (Repeats, ["camera: new frames"])],
)
def test_frames_are_new_ones(kind: type[SimulatedCamera], expected: list[str]) -> None:
    cell = simulated_cell()
    report = check_camera(kind(cell), move=moving_plate(cell))
    assert report.failed() == expected, str(report)


def test_the_command_checks_a_driver_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "my_robot.py").write_text(
        "from rmrl_robot.simulated import SimulatedGripper, simulated_cell\n"
        "def gripper(): return SimulatedGripper(simulated_cell())\n"
        "class Broken(SimulatedGripper):\n"
        "    def __init__(self): super().__init__(simulated_cell())\n"
        "    def close(self): pass\n"
    )

    def kit(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rmrl_robot.conformance", *words],
            capture_output=True,
            check=False,
            text=True,
            cwd=tmp_path,
        )

    good = kit("my_robot:gripper", "--yes", "--json")
    assert good.returncode == 0, good
    assert {check["status"] for check in json.loads(good.stdout)} == {"ok", "skipped"}
    broken = kit("my_robot:Broken", "--yes")
    assert broken.returncode == 1 and "fail    gripper: closes on nothing" in broken.stdout
    for words, said in (
        (["my_robot:gripper"], "nobody can be asked"),
        (["my_robot:nothing", "--yes"], "nothing"),
        (["my_robot", "--yes"], "MODULE:NAME"),
        (["rmrl_robot.simulated:simulated_cell", "--yes"], "expected an arm, a gripper"),
    ):
        refused = kit(*words)
        assert refused.returncode != 0 and said in refused.stderr, refused
