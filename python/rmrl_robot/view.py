"""Runs in Rerun: images with mask and pose, reward, error, action, and the arm's path in 3-D.

Needs ``rmrl-robot[view]``. The command is ``rmrl view RUN``; ``rmrl_robot.callbacks.RerunCallback`` does
the same from Python while a run is made.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmrl_robot import _native
from rmrl_robot.errors import Fault, RmrlError
from rmrl_robot.perception import Calibration, Localizer
from rmrl_robot.runs import Run, Trial

__all__ = ["Viewer", "main", "require_rerun", "tool_path"]

#: Where Rerun finds what: the camera's pictures are below it in 3-D, so its frustum shows them.
CAMERA = "world/camera"
_GREEN = [60, 200, 90]
_BLUE = [60, 120, 240]
_MAGENTA = [230, 60, 200]
_RED = [230, 40, 40]
_GRAY = [150, 150, 150]
_POLL_S = 0.5


def require_rerun() -> Any:
    """The module ``rerun``.

    Raises:
        ImportError: It is not installed; the message says how to install it.
    """
    try:
        import rerun
    except ImportError as error:
        raise ImportError('pip install "rmrl-robot[view]" for Rerun') from error
    return rerun


def tool_path(task: dict[str, Any], pick_pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points that the tool passes in a trial, float64 ``[count, 3]``, world frame, in meters.

    Args:
        task: What ``_native.task_path`` says of the run.
        pick_pose: x and y in meters, yaw in radians.
    """
    x_m, y_m = pick_pose[:2]
    travel_m = task["travel_z_m"]
    above_pick = [x_m, y_m, travel_m]
    to_place = [pose[:3] for pose in task["to_above_place"]]
    home = task["home"][:3]
    points = [
        home,
        above_pick,
        [x_m, y_m, task["grip_z_m"]],
        above_pick,
        *to_place,
        task["place"][:3],
        to_place[-1],
        home,
    ]
    return np.array(points, dtype=np.float64)


def footprint(
    pose: NDArray[np.float64], plate_m: Sequence[float], z_m: float
) -> NDArray[np.float64]:
    """The corners of a plate at a pose, closed, float64 ``[5, 3]``, in meters."""
    length, width = 0.5 * plate_m[0], 0.5 * plate_m[1]
    along = np.array([math.cos(pose[2]), math.sin(pose[2])])
    across = np.array([-along[1], along[0]])
    corners = [(1, 1), (-1, 1), (-1, -1), (1, -1), (1, 1)]
    flat = np.array([pose[:2] + a * length * along + b * width * across for a, b in corners])
    return np.hstack([flat, np.full((5, 1), z_m)])


class Viewer:
    """Shows attempts of a run in Rerun, on the timeline ``trial``.

    Args:
        run: The run; it may have no trial yet.
        save: A file to write instead of opening Rerun's window.
        spawn: Open Rerun's window. Without it and without ``save`` nothing is shown, and the recording
            ``stream`` is the caller's.
    """

    def __init__(
        self, run: Run, *, save: str | os.PathLike[str] | None = None, spawn: bool = True
    ) -> None:
        self._rr = rr = require_rerun()
        self._root = run.path
        self._task: dict[str, Any] = json.loads(_native.task_path(os.fspath(run.path)))
        self._camera: Calibration | None = None
        self._localizer: Localizer | None = None
        self._average: float | None = None
        self._smoothing = float(run.configuration["metrics"]["smoothing"])
        self.stream = rr.RecordingStream(f"rmrl {run.path.name}")
        if save is not None:
            self.stream.save(os.fspath(save), default_blueprint=self._blueprint())
        elif spawn:
            self.stream.spawn(default_blueprint=self._blueprint())
        self.stream.send_recording_name(run.path.name)
        self._log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        labels = [
            rr.AnnotationInfo(id=0, label="", color=[0, 0, 0, 0]),
            rr.AnnotationInfo(id=1, label="plate", color=_RED),
        ]
        self._log("/", rr.AnnotationContext(labels), static=True)
        config = json.dumps(run.configuration, indent=1)
        self._log("configuration", rr.TextDocument(config), static=True)

    def log(self, trial: Trial) -> None:
        """Logs an attempt. Its images have to be on disk."""
        record = trial.record
        self.stream.set_time("trial", sequence=trial.number)
        self._see_camera()
        self._start(trial)
        self._final(trial)
        self._path(trial)
        if trial.is_fault:
            level = self._rr.TextLogLevel.WARN
            failure = record["failure"]
            self._log(
                "log", self._rr.TextLog(f"{failure['cause']}: {failure['reason']}", level=level)
            )
            return
        if record["failure"] is not None:
            self._log("log", self._rr.TextLog(record["failure"]["reason"]))
        self._numbers(trial)

    def close(self) -> None:
        """Writes what is left."""
        self.stream.flush()
        self.stream.disconnect()

    def _log(self, entity: str, *what: Any, static: bool = False) -> None:
        self.stream.log(entity, *what, static=static)

    def _see_camera(self) -> None:
        if self._camera is not None or not (self._root / "camera.toml").exists():
            return
        rr = self._rr
        self._camera = camera = Calibration.read(self._root / "camera.toml")
        try:
            self._localizer = Localizer.from_run(self._root)
        except RmrlError:
            # Its models are elsewhere. Then there are no masks.
            self._localizer = None
        pose = camera.world_from_camera
        self._log(CAMERA, rr.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]), static=True)
        lens = rr.Pinhole(
            image_from_camera=camera.camera_matrix,
            resolution=[camera.width, camera.height],
            image_plane_distance=0.25,
        )
        self._log(CAMERA, lens, static=True)

    def _start(self, trial: Trial) -> None:
        paths = trial.images.paths
        self._image(f"{CAMERA}/image", paths.get("start"))
        if "start_depth" in paths:
            depth = self._rr.EncodedDepthImage(
                blob=paths["start_depth"].read_bytes(), media_type="image/png", meter=1000.0
            )
            self._log(f"{CAMERA}/depth", depth)
        mask = self._mask(trial.images.start, trial.images.start_depth)
        self._or_clear(f"{CAMERA}/mask", mask)
        surface_m = self._task["start_surface_z_m"]
        self._plate(f"{CAMERA}/estimated", trial.estimated_pose, surface_m, _GREEN)
        self._plate(f"{CAMERA}/pick", trial.pick_pose, surface_m, _BLUE)
        self._box("world/plate/start", trial.estimated_pose, surface_m, _GREEN)

    def _final(self, trial: Trial) -> None:
        self._image("final/image", trial.images.paths.get("final"))
        surface_m = self._task["place_surface_z_m"]
        self._plate("final/placed", trial.final_pose, surface_m, _GREEN)
        self._plate("final/target", trial.target_pose, surface_m, _MAGENTA)
        self._box("world/plate/placed", trial.final_pose, surface_m, _GREEN)
        self._box("world/plate/target", trial.target_pose, surface_m, _MAGENTA)

    def _path(self, trial: Trial) -> None:
        pick = trial.pick_pose
        if pick is None and trial.estimated_pose is not None and trial.adjustment is not None:
            # A plate that was not grasped: the arm was there, too.
            pick = trial.estimated_pose + trial.adjustment
        path = None
        grip = None
        if pick is not None:
            points = tool_path(self._task, pick)
            path = self._rr.LineStrips3D([points], colors=[_GRAY], radii=0.002)
            ends = [points[2], self._task["place"][:3]]
            labels = ["pick", "place"]
            grip = self._rr.Points3D(ends, colors=[_BLUE, _MAGENTA], radii=0.008, labels=labels)
        self._or_clear("world/tool/path", path)
        self._or_clear("world/tool/grip", grip)

    def _numbers(self, trial: Trial) -> None:
        record = trial.record
        reward = float(record["reward"])
        if record.get("purpose") != "test":
            before = reward if self._average is None else self._average
            self._average = self._smoothing * before + (1.0 - self._smoothing) * reward
        values: dict[str, float | None] = {
            "reward/trial": reward,
            "reward/average": self._average,
            "error/measured_mm": _times(1e3, record["e_trans_m"]),
            "error/true_mm": _times(1e3, record["true_e_trans_m"]),
            "error/interval_mm": _times(1e3, record.get("interval_m")),
        }
        action = record["adjustment"]
        if action is not None:
            values["action/dx_mm"] = 1e3 * action["dx_m"]
            values["action/dy_mm"] = 1e3 * action["dy_m"]
            values["action/dyaw_deg"] = math.degrees(action["dyaw_rad"])
        for name, value in values.items():
            if value is not None:
                self._log(name, self._rr.Scalars([value]))

    def _image(self, entity: str, path: Path | None) -> None:
        image = None
        if path is not None:
            contents = path.read_bytes()
            image = self._rr.EncodedImage(contents=contents, media_type="image/png")
        self._or_clear(entity, image)

    def _mask(self, color: Any, depth: Any) -> Any:
        if self._localizer is None or color is None or depth is None:
            return None
        try:
            mask = self._localizer(color, depth).mask
        except Fault:
            return None
        return self._rr.SegmentationImage(mask.astype(np.uint8), opacity=0.4)

    def _plate(
        self, entity: str, pose: NDArray[np.float64] | None, surface_m: float, color: list[int]
    ) -> None:
        outline = None
        if pose is not None and self._camera is not None:
            plate = self._task["plate_m"]
            corners = self._camera.project(footprint(pose, plate, surface_m + 0.5 * plate[2]))
            if np.isfinite(corners).all():
                # Rerun's pixels begin at their corners, ours are their centers.
                outline = self._rr.LineStrips2D([corners + 0.5], colors=[color])
        self._or_clear(entity, outline)

    def _box(
        self, entity: str, pose: NDArray[np.float64] | None, surface_m: float, color: list[int]
    ) -> None:
        box = None
        if pose is not None:
            plate = self._task["plate_m"]
            half = 0.5 * float(pose[2])
            box = self._rr.Boxes3D(
                centers=[[pose[0], pose[1], surface_m + 0.5 * plate[2]]],
                half_sizes=[[0.5 * side for side in plate]],
                quaternions=[self._rr.Quaternion(xyzw=[0.0, 0.0, math.sin(half), math.cos(half)])],
                colors=[color],
            )
        self._or_clear(entity, box)

    def _or_clear(self, entity: str, what: Any) -> None:
        self._log(entity, self._rr.Clear(recursive=False) if what is None else what)

    @staticmethod
    def _blueprint() -> Any:
        import rerun.blueprint as rrb

        pictures = rrb.Vertical(
            rrb.Spatial2DView(origin=CAMERA, name="start"),
            rrb.Spatial2DView(origin="final", name="final"),
        )
        curves = rrb.Vertical(
            rrb.TimeSeriesView(origin="reward", name="reward"),
            rrb.TimeSeriesView(origin="error", name="error, mm"),
            rrb.TimeSeriesView(origin="action", name="action, mm and degrees"),
            rrb.TextLogView(origin="log", name="what went wrong"),
        )
        world = rrb.Spatial3DView(origin="world", name="cell")
        return rrb.Blueprint(rrb.Horizontal(pictures, world, curves))


def follow(run: Run, viewer: Viewer, *, live: bool) -> int:
    """Logs all attempts of a run; with ``live``, also those to come, until it ends. Returns their number."""
    logged = 0
    log = run.path / "trials.jsonl"
    while True:
        size = _size(log)
        for attempt in run.attempts[logged:]:
            viewer.log(attempt)
            logged += 1
        if not live or run.state != "running":
            return logged
        while _size(log) == size and _native.is_in_use(os.fspath(run.path)):
            time.sleep(_POLL_S)
        run.reload()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def _times(factor: float, value: float | None) -> float | None:
    return None if value is None else factor * value


def main(words: Sequence[str]) -> int:
    """``rmrl view`` with these words. Returns the exit status."""
    parser = argparse.ArgumentParser("rmrl view", description="View a run in Rerun.")
    parser.add_argument("run", metavar="RUN", help="the run")
    parser.add_argument(
        "--save", metavar="FILE.rrd", help="write a file instead of opening a window"
    )
    parser.add_argument("--live", action="store_true", help="follow the run until it ends")
    arguments = parser.parse_args(words)
    try:
        run = Run(arguments.run)
        viewer = Viewer(run, save=arguments.save)
        try:
            count = follow(run, viewer, live=arguments.live)
        finally:
            viewer.close()
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (RmrlError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    where = f"; open it with: rerun {arguments.save}" if arguments.save else ""
    print(f"{count} attempts of {run.path}{where}")
    return 0
