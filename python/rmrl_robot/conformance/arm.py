"""Checks of an arm."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotReturned
from dataclasses import dataclass

from rmrl_robot.conformance.report import (
    CallingThread,
    Check,
    Checks,
    Failed,
    Report,
    Skipped,
)
from rmrl_robot.devices import Arm, Collision, DeviceFailure, ToolPose

# How far the pose after a motion may lie from its target, in meters and radians: a plate is placed to a millimeter.
ARRIVED_M = 0.001
ARRIVED_RAD = math.radians(0.5)
# Two readings of an arm that stands differ by less, in meters and radians.
STANDS_M = 0.0003
STANDS_RAD = math.radians(0.1)
# How long an arm is watched to see whether it stands, in seconds.
WATCH_S = 0.3
# A motion takes at least this share of its length over its speed, and at most so many times it and some seconds.
LEAST_SHARE = 0.8
MOST_TIMES = 3.0
MOST_MORE_S = 2.0
# How soon the call of a motion ends after the stop has returned, in seconds.
ENDS_S = 1.0


@dataclass(frozen=True)
class Box:
    """Where the tool may go, in meters, in the world's frame: free of obstacles, the tool at any yaw within 10 degrees."""

    x_m: tuple[float, float]
    y_m: tuple[float, float]
    z_m: tuple[float, float]

    def __post_init__(self) -> None:
        for name in ("x_m", "y_m", "z_m"):
            low, high = getattr(self, name)
            if not (math.isfinite(low) and math.isfinite(high) and 0.02 <= high - low <= 1.0):
                raise ValueError(
                    f"{name} of the box is {low} to {high}; expected 0.02 to 1 m from the lower to the upper limit"
                )

    def has(self, pose: ToolPose, margin_m: float = 0.002) -> bool:
        """Whether a tool is inside."""
        return all(
            low - margin_m <= value <= high + margin_m
            for value, (low, high) in zip(pose, (self.x_m, self.y_m, self.z_m), strict=False)
        )

    def corners(self, yaw_rad: float) -> tuple[ToolPose, ToolPose]:
        """Two opposite corners, a fifth of the sides inside."""

        def inside(share: float) -> ToolPose:
            sides = (self.x_m, self.y_m, self.z_m)
            x_m, y_m, z_m = (low + share * (high - low) for low, high in sides)
            return ToolPose(x_m, y_m, z_m, yaw_rad)

        return inside(0.2), inside(0.8)

    def __str__(self) -> str:
        sides = zip("xyz", (self.x_m, self.y_m, self.z_m), strict=True)
        return ", ".join(
            f"{name} {1000 * low:.0f} to {1000 * high:.0f} mm" for name, (low, high) in sides
        )


def _pose(value: object, method: str) -> ToolPose:
    try:
        numbers = tuple(float(one) for one in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 4 or not all(math.isfinite(one) for one in numbers):
        raise Failed(
            f"{method} returned {value!r}; expected 4 finite numbers: x_m, y_m, z_m, yaw_rad"
        )
    return ToolPose(*numbers)


def _apart(a: ToolPose, b: ToolPose) -> tuple[float, float]:
    turned = (a.yaw_rad - b.yaw_rad + math.pi) % math.tau - math.pi
    return math.dist(a[:3], b[:3]), abs(turned)


def _near(what: str, a: ToolPose, b: ToolPose, limits: tuple[float, float]) -> None:
    off_m, off_rad = _apart(a, b)
    if off_m > limits[0] or off_rad > limits[1]:
        raise Failed(
            f"{what}: {1000 * off_m:.2f} mm and {math.degrees(off_rad):.2f} degrees apart; expected at most "
            f"{1000 * limits[0]:.1f} mm and {math.degrees(limits[1]):.1f} degrees"
        )


class _ArmChecks:
    def __init__(self, arm: Arm, box: Box, speed_m_s: float, contact: ToolPose | None) -> None:
        self.arm, self.box, self.speed_m_s, self.contact = arm, box, speed_m_s, contact
        self.thread = CallingThread(arm, arm.answer_timeout_s)
        self.home = ToolPose(0.0, 0.0, 0.0, 0.0)

    def pose(self) -> ToolPose:
        return _pose(self.thread.call("pose"), "pose")

    def move(self, target: ToolPose, speed_m_s: float | None = None) -> tuple[ToolPose, float]:
        """Moves, and returns the commanded pose and the time."""
        began = time.monotonic()
        speed = speed_m_s or self.speed_m_s
        answer = self.thread.call("move_to", *target, speed, timeout_s=self.arm.move_timeout_s)
        return _pose(answer, "move_to"), time.monotonic() - began

    def corners(self) -> tuple[ToolPose, ToolPose]:
        return self.box.corners(self.home.yaw_rad)

    def answers_pose(self) -> str:
        first = self.pose()
        if max(abs(value) for value in first[:3]) > 3:
            raise Failed(f"pose is {first}; expected meters")
        if abs(first.yaw_rad) > math.tau:
            raise Failed(f"pose is {first}; expected a yaw in radians")
        time.sleep(WATCH_S)
        _near("two poses of an arm that stands", first, self.pose(), (STANDS_M, STANDS_RAD))
        if not self.box.has(first):
            raise Failed(
                f"the tool is at {first}, outside of the box ({self.box}); bring it inside by hand"
            )
        self.home = first
        return f"at {', '.join(f'{value:.4f}' for value in first)}"

    def arrives(self) -> None:
        for target in self.corners():
            self.move(target)
            after = self.pose()
            _near(
                "the pose when move_to has returned, and its target",
                after,
                target,
                (ARRIVED_M, ARRIVED_RAD),
            )
            time.sleep(WATCH_S)
            _near(
                "the poses when move_to has returned and a little later",
                after,
                self.pose(),
                (STANDS_M, STANDS_RAD),
            )

    def commands(self) -> None:
        for target in self.corners():
            # No device has steps that these are multiples of.
            odd = ToolPose(
                target.x_m + 1.234e-4, target.y_m - 5.67e-5, target.z_m, target.yaw_rad + 1.1e-4
            )
            commanded, _ = self.move(odd)
            _near(
                "the pose that move_to returned, and the one that was asked for",
                commanded,
                odd,
                (0.002, 0.01),
            )
            _near(
                "the pose that move_to returned, and pose",
                commanded,
                self.pose(),
                (ARRIVED_M / 2, ARRIVED_RAD),
            )

    def turns(self) -> None:
        first = self.corners()[0]
        self.move(first)
        turned = first._replace(yaw_rad=first.yaw_rad + math.radians(8))
        self.move(turned)
        _near(
            "the pose after a turn of 8 degrees, and its target",
            self.pose(),
            turned,
            (ARRIVED_M, ARRIVED_RAD),
        )
        # The same yaw, as a sum of angles may give it.
        self.move(first._replace(yaw_rad=first.yaw_rad - math.tau))
        _near(
            "the pose after a turn to a yaw that is 2 pi less, and its target",
            self.pose(),
            first,
            (ARRIVED_M, ARRIVED_RAD),
        )

    def keeps_speed(self) -> str:
        first, second = self.corners()
        times = []
        for speed in (self.speed_m_s, self.speed_m_s / 2):
            self.move(first)
            _, took_s = self.move(second, speed)
            length_m = _apart(first, second)[0]
            least, most = (
                LEAST_SHARE * length_m / speed,
                MOST_TIMES * length_m / speed + MOST_MORE_S,
            )
            if not least <= took_s <= most:
                raise Failed(
                    f"{1000 * length_m:.0f} mm at {speed} m/s took {took_s:.2f} s; expected {least:.2f} to {most:.2f} s"
                )
            times.append(f"{took_s:.2f} s")
        return " and ".join(times)

    def stops(self) -> str:
        first, second = self.corners()
        self.move(first)
        length_m = _apart(first, second)[0]
        slow = self.speed_m_s / 2
        moving = self.thread.begin("move_to", *second, slow)
        time.sleep(0.4 * length_m / slow)
        began = time.monotonic()
        # From another thread than that of the motion.
        self._stop()
        took_s = time.monotonic() - began
        stands = self.pose_beside()
        try:
            ended = moving.exception(ENDS_S)
        except NotReturned:
            raise Failed(f"move_to has not ended {ENDS_S} s after stop has returned") from None
        if ended is None:
            raise Failed("move_to returned though it was stopped; expected an exception")
        self._stands(stands, second)
        return f"within {took_s:.2f} s; move_to raised {type(ended).__name__}"

    def _stands(self, stands: ToolPose | None, second: ToolPose) -> None:
        here = self.pose()
        _near(
            "the poses when stop has returned and after the motion",
            stands or here,
            here,
            (STANDS_M, STANDS_RAD),
        )
        time.sleep(WATCH_S)
        _near(
            "the poses after the stop and a little later", here, self.pose(), (STANDS_M, STANDS_RAD)
        )
        if _apart(here, second)[0] <= ARRIVED_M:
            raise Failed("the arm has completed its motion; expected that it stops under way")

    def pose_beside(self) -> ToolPose | None:
        """The pose, where the driver tells it beside a motion that ends."""
        try:
            return _pose(self.arm.pose(), "pose")
        except DeviceFailure:
            return None

    def _stop(self) -> None:
        stopping = ThreadPoolExecutor(1).submit(self.arm.stop)
        try:
            answer = stopping.result(self.arm.stop_timeout_s)
        except NotReturned:
            raise Failed(
                f"stop has not returned within stop_timeout_s = {self.arm.stop_timeout_s} s"
            ) from None
        except Exception as error:
            raise Failed(f"stop raised {type(error).__name__}: {error}") from error
        if answer is not None:
            raise Failed(f"stop returned {answer!r}; expected None")

    def refuses_after_stop(self) -> str:
        here = self.pose()
        refused = self.thread.refuses("move_to", *self.corners()[0], self.speed_m_s)
        time.sleep(WATCH_S)
        _near(
            "the poses before and after a motion that has to be refused",
            here,
            self.pose(),
            (STANDS_M, STANDS_RAD),
        )
        if refused is None:
            raise Failed("move_to returned after stop; expected Refused until recover is called")
        return refused

    def recovers(self) -> None:
        here = self.pose()
        self.thread.order("recover", timeout_s=self.arm.move_timeout_s)
        _near("the poses before and after recover", here, self.pose(), (STANDS_M, STANDS_RAD))
        self.arrives()

    def repeats(self) -> None:
        self.thread.order("recover", timeout_s=self.arm.move_timeout_s)
        self._stop()
        self._stop()
        self.refuses_after_stop()
        self.thread.order("recover", timeout_s=self.arm.move_timeout_s)
        self.thread.order("recover", timeout_s=self.arm.move_timeout_s)
        self.move(self.corners()[0])

    def collides(self) -> str:
        if self.contact is None:
            raise Skipped("--contact is not given")
        above = self.contact._replace(z_m=self.contact.z_m + 0.05)
        self.move(above)
        try:
            commanded, _ = self.move(self.contact, min(self.speed_m_s, 0.03))
        except Collision as met:
            at = met.pose
        else:
            raise Failed(
                f"move_to returned {commanded}; expected Collision: something is in the way"
            )
        _near("the pose of Collision, and pose", at, self.pose(), (ARRIVED_M, ARRIVED_RAD))
        if self.thread.refuses("move_to", *above, self.speed_m_s) is None:
            raise Failed(
                "move_to returned after a collision; expected Refused until recover is called"
            )
        self.thread.order("recover", timeout_s=self.arm.move_timeout_s)
        self.move(above)
        return f"at z = {1000 * at.z_m:.1f} mm"

    def returns(self) -> None:
        self.move(self.home)


def check_arm(
    arm: Arm,
    box: Box,
    *,
    speed_m_s: float = 0.05,
    contact: ToolPose | None = None,
    ask: Callable[[str], bool] = lambda _: True,
    on_check: Callable[[Check], None] = lambda _: None,
) -> Report:
    """Checks an arm. It moves inside ``box`` only, and, where ``contact`` is given, from 5 cm above down to there.

    Args:
        arm: The driver.
        box: Where the tool may go.
        speed_m_s: The highest speed.
        contact: A pose that the tool cannot reach, because something soft is in the way, 5 mm above or more.
        ask: Is asked before anything moves.
        on_check: Is called with each check.
    """
    report = Report()
    checks = Checks("arm", report, on_check)
    made = _ArmChecks(arm, box, speed_m_s, contact)
    if not checks.make("pose", made.answers_pose):
        return report
    question = f"The arm moves at up to {speed_m_s} m/s in the box {box}" + (
        "" if contact is None else f", and down onto what lies above {contact}"
    )
    if not ask(f"{question}. Is it free, and the emergency stop in reach?"):
        report.checks.append(Check("arm", "motions", "skipped", "not permitted"))
        return report
    if not checks.make("arrives", made.arrives):
        return report
    checks.make("commanded pose", made.commands)
    checks.make("yaw", made.turns)
    checks.make("speed", made.keeps_speed)
    if checks.make("stop", made.stops):
        checks.make("refuses after stop", made.refuses_after_stop)
    if checks.make("recover", made.recovers):
        checks.make("stop and recover again", made.repeats)
        checks.make("collision", made.collides)
        checks.make("returns", made.returns)
    return report
