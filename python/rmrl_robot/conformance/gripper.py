"""Checks of a gripper."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rmrl_robot.conformance.report import (
    CallingThread,
    Check,
    Checks,
    Failed,
    Report,
    Skipped,
)
from rmrl_robot.devices import Gripper

# How exactly a gripper measures a width, in meters.
WIDTH_M = 0.003


class _GripperChecks:
    def __init__(self, gripper: Gripper, widths_m: Sequence[float], object_m: float | None) -> None:
        self.gripper, self.widths_m, self.object_m = gripper, widths_m, object_m
        self.thread = CallingThread(gripper, gripper.answer_timeout_s)

    def order(self, method: str, *arguments: Any) -> None:
        self.thread.order(method, *arguments, timeout_s=self.gripper.jaws_timeout_s)

    def holds(self) -> bool:
        answer = self.thread.call("holds_object")
        if not isinstance(answer, (bool, np.bool_)):
            raise Failed(f"holds_object returned {answer!r}; expected True or False")
        return bool(answer)

    def width(self) -> float | None:
        answer = self.thread.call("measured_width_m")
        if answer is None:
            return None
        if isinstance(answer, bool) or not isinstance(answer, (int, float, np.number)):
            raise Failed(f"measured_width_m returned {answer!r}; expected meters, or None")
        if not -0.01 <= float(answer) <= 1.0:
            raise Failed(f"measured_width_m returned {answer!r}; expected meters")
        return float(answer)

    def answers(self) -> None:
        self.holds()
        self.width()

    def opens(self) -> str:
        measured = []
        for width_m in (*self.widths_m, *reversed(self.widths_m)):
            self.order("open", width_m)
            width = self.width()
            if width is not None and abs(width - width_m) > WIDTH_M:
                raise Failed(
                    f"open({width_m}) has returned, and measured_width_m is {width:.4f}; expected {width_m} to within "
                    f"{1000 * WIDTH_M:.0f} mm"
                )
            if self.holds():
                raise Failed(f"holds_object is True after open({width_m}); expected False")
            measured.append(width)
        return "widths are measured" if measured[0] is not None else "widths are not measured"

    def refuses_widths(self) -> None:
        for width_m in (-0.01, 2.0, math.nan):
            if self.thread.refuses("open", width_m) is None:
                raise Failed(f"open({width_m}) returned; expected Refused")

    def closes_on_nothing(self) -> None:
        self.order("open", self.widths_m[-1])
        self.order("close")
        if self.holds():
            raise Failed(
                "holds_object is True after close, and nothing lies between the jaws; expected False"
            )
        width = self.width()
        if width is not None and width > self.widths_m[-1] - WIDTH_M:
            raise Failed(f"measured_width_m is {width:.4f} after close; expected less than open")
        self.order("open", self.widths_m[-1])

    def recovers(self) -> None:
        before = self.width()
        self.order("recover")
        self.order("recover")
        after = self.width()
        if before is not None and after is not None and abs(before - after) > WIDTH_M:
            raise Failed("recover has moved the jaws; expected them as they were")
        self.order("power_on")

    def holds_something(self, ask: Callable[[str], bool]) -> str | None:
        if self.object_m is None:
            raise Skipped("--object is not given")
        self.order("open", self.widths_m[-1])
        if not ask(
            f"Put something {1000 * self.object_m:.0f} mm wide between the jaws. Is it there?"
        ):
            raise Skipped("nothing was put there")
        self.order("close")
        if not self.holds():
            raise Failed("holds_object is False after close on an object; expected True")
        width = self.width()
        if width is not None and abs(width - self.object_m) > 2 * WIDTH_M:
            raise Failed(f"measured_width_m is {width:.4f} around an object of {self.object_m}")
        self.order("recover")
        if not self.holds():
            raise Failed("recover has let the object go; expected the jaws as they were")
        if ask("The jaws open. Is the object held, so that it does not fall?"):
            self.order("open", self.widths_m[-1])
            if self.holds():
                raise Failed("holds_object is True after open; expected False")
        return None


def check_gripper(
    gripper: Gripper,
    widths_m: Sequence[float],
    *,
    object_m: float | None = None,
    ask: Callable[[str], bool] = lambda _: True,
    on_check: Callable[[Check], None] = lambda _: None,
) -> Report:
    """Checks a gripper, with nothing between its jaws. ``widths_m`` are widths that it has, the widest last."""
    report = Report()
    checks = Checks("gripper", report, on_check)
    made = _GripperChecks(gripper, sorted(widths_m), object_m)
    if not checks.make("answers", made.answers):
        return report
    if not ask("The jaws open and close. Is nothing between them?"):
        report.checks.append(Check("gripper", "motions", "skipped", "not permitted"))
        return report
    if checks.make("opens", made.opens):
        checks.make("refuses widths", made.refuses_widths)
        checks.make("closes on nothing", made.closes_on_nothing)
        checks.make("recover", made.recovers)
        checks.make("holds an object", lambda: made.holds_something(ask))
    return report
