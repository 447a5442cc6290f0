"""Checks of a camera."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from rmrl_robot import _native
from rmrl_robot.conformance.report import CallingThread, Check, Checks, Failed, Report, Skipped
from rmrl_robot.devices import Camera, _camera_file


class _CameraChecks:
    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.thread = CallingThread(camera, camera.capture_timeout_s)
        self.model: dict[str, Any] = {}

    def has_model(self) -> str:
        model = self.thread.call("model")
        try:
            self.model = json.loads(_native.checked_camera(*_camera_file(model)))
        except (OSError, TypeError, ValueError) as error:
            raise Failed(f"model: {error}") from error
        height_m = self.model["world_from_camera"]["translation_m"][2]
        return f"it hangs {height_m:.2f} m above the robot's base"

    def capture(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        frame = self.thread.call("capture")
        if not (isinstance(frame, tuple) and len(frame) == 2):
            raise Failed(
                f"capture returned a {type(frame).__name__}; expected the tuple (color, depth)"
            )
        color, depth = frame
        size = tuple(self.model["intrinsics"][key] for key in ("height", "width"))
        for name, image, shape, kinds in (
            ("color", color, (*size, 3), ("uint8",)),
            ("depth", depth, size, ("uint16", "float32", "float64")),
        ):
            if not isinstance(image, np.ndarray):
                raise Failed(f"{name} is a {type(image).__name__}; expected a NumPy array")
            if image.shape != shape or image.dtype.name not in kinds:
                raise Failed(
                    f"{name} is {image.dtype} {list(image.shape)}; expected {' or '.join(kinds)} {list(shape)}, as the "
                    "model says"
                )
        return color, depth

    def captures(self) -> None:
        self.capture()

    def measures_depth(self) -> str:
        _, depth = self.capture()
        meters = depth / 1000.0 if depth.dtype == np.uint16 else depth
        measured = meters[np.isfinite(meters) & (meters > 0)]
        share = measured.size / meters.size
        if share < 0.3:
            raise Failed(f"{100 * share:.0f} % of the pixels have depth; expected 30 % or more")
        middle_m = float(np.median(measured))
        height_m = abs(self.model["world_from_camera"]["translation_m"][2])
        if not 0.4 * height_m <= middle_m <= 2.5 * height_m:
            raise Failed(
                f"the median depth is {middle_m:.3f} m, and the camera hangs {height_m:.2f} m above the robot's base; "
                "expected uint16 in millimeters, or float32 in meters"
            )
        return f"{100 * share:.0f} % of the pixels, median {middle_m:.3f} m"

    def is_fresh(self) -> None:
        first = [image.copy() for image in self.capture()]
        second = self.capture()
        if all(
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            for a, b in zip(first, second, strict=True)
        ):
            raise Failed(
                "two captures are the same to the last bit; expected a new frame from each call"
            )

    def shows_motion(self, move: Callable[[], None] | None) -> str | None:
        """The first frame after a motion shows it: it was not taken from a queue."""
        if move is None:
            raise Skipped("no arm is given that moves in its view")
        before = self.capture()[0].astype(np.int16)
        noise = float(np.abs(self.capture()[0] - before).mean())
        move()
        at_once = self.capture()[0].astype(np.int16)
        for _ in range(4):
            later = self.capture()[0].astype(np.int16)
        seen, missed = (float(np.abs(image - later).mean()) for image in (before, at_once))
        if seen < 1.5 * noise:
            raise Skipped("the camera does not see the motion")
        if missed > 0.5 * (seen + noise):
            raise Failed(
                "the first frame after a motion does not show it: it was exposed before the call"
            )
        return None


def check_camera(
    camera: Camera,
    *,
    move: Callable[[], None] | None = None,
    on_check: Callable[[Check], None] = lambda _: None,
) -> Report:
    """Checks a camera. ``move`` moves something large in its view, and returns when it stands."""
    report = Report()
    checks = Checks("camera", report, on_check)
    made = _CameraChecks(camera)
    if checks.make("model", made.has_model) and checks.make("frame", made.captures):
        checks.make("depth", made.measures_depth)
        checks.make("new frames", made.is_fresh)
        checks.make("fresh frames", lambda: made.shows_motion(move))
    return report
