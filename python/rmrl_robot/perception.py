"""The camera of a run, and the localizer that finds plates in its frames."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmrl_robot import _native
from rmrl_robot.configuration import assignments
from rmrl_robot.runs import Run

__all__ = ["Calibration", "Localization", "Localizer"]


class Calibration:
    """A calibrated overhead camera: intrinsics with distortion, and pose.

    Pixels follow OpenCV: u to the right, v down, whole numbers are the centers of pixels. The world is
    the robot's base, z up, in meters.

    Attributes:
        width: Of its pictures, in pixels.
        height: Of its pictures, in pixels.
        camera_matrix: fx, fy, cx and cy in pixels as OpenCV has them, float64 ``[3, 3]``.
        distortion: k1, k2, p1, p2, k3, float64 ``[5]``.
        world_from_camera: Eq. 14: ``p_world = world_from_camera @ p_camera``, float64 ``[4, 4]``.
    """

    def __init__(self, text: str, path: str | os.PathLike[str] = "camera.toml") -> None:
        self._native = _native.LoadedCamera.parse(text, os.fspath(path))
        intrinsics, pose = self._native.values()
        values = json.loads(intrinsics)
        self.width: int = values["width"]
        self.height: int = values["height"]
        self.camera_matrix: NDArray[np.float64] = np.array(
            [[values["fx"], 0.0, values["cx"]], [0.0, values["fy"], values["cy"]], [0.0, 0.0, 1.0]]
        )
        lens = values["distortion"]
        self.distortion: NDArray[np.float64] = np.array(
            [lens[key] for key in ("k1", "k2", "p1", "p2", "k3")], dtype=np.float64
        )
        self.world_from_camera: NDArray[np.float64] = np.array(pose)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Calibration:
        """Reads a camera file of ``rmrl calibrate``, or the ``camera.toml`` of a run.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is no valid camera file with ``[world_from_camera]``.
        """
        return cls(Path(path).read_text(encoding="utf-8"), path)

    @classmethod
    def of(
        cls,
        size: tuple[int, int],
        camera_matrix: ArrayLike,
        world_from_camera: ArrayLike,
        distortion: ArrayLike = (0.0, 0.0, 0.0, 0.0, 0.0),
    ) -> Calibration:
        """A camera by its numbers.

        Args:
            size: Width and height in pixels.
            camera_matrix: ``[3, 3]``, as OpenCV has it, without skew.
            world_from_camera: ``[4, 4]``, in meters.
            distortion: k1, k2, p1, p2, k3.
        """
        matrix = _array(camera_matrix, "camera_matrix", (3, 3))
        pose = _array(world_from_camera, "world_from_camera", (4, 4))
        lens = _array(distortion, "distortion", (5,))
        names = zip(("k1", "k2", "p1", "p2", "k3"), lens, strict=True)
        rows = ", ".join(f"[{', '.join(map(repr, row.tolist()))}]" for row in pose[:3, :3])
        return cls(
            f"[intrinsics]\nwidth = {int(size[0])}\nheight = {int(size[1])}\n"
            f"fx = {float(matrix[0, 0])!r}\nfy = {float(matrix[1, 1])!r}\n"
            f"cx = {float(matrix[0, 2])!r}\ncy = {float(matrix[1, 2])!r}\n"
            f"distortion = {{ {', '.join(f'{key} = {float(one)!r}' for key, one in names)} }}\n"
            f"[world_from_camera]\ntranslation_m = {pose[:3, 3].tolist()!r}\nrotation = [{rows}]\n"
        )

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes a camera file; an existing one is replaced."""
        Path(path).write_text(self.to_toml(), encoding="utf-8")

    def to_toml(self) -> str:
        """The text of a camera file."""
        return self._native.to_toml()

    def project(self, points_m: ArrayLike) -> NDArray[np.float64]:
        """The pixels that see points of the world.

        Args:
            points_m: ``[..., 3]``, in meters.

        Returns:
            u and v, ``[..., 2]``; NaN for points that the camera does not see.
        """
        points, shape = _rows(points_m, "points_m", 3)
        return self._native.project(points).reshape(*shape, 2)

    def unproject(self, pixels: ArrayLike, depth_m: ArrayLike) -> NDArray[np.float64]:
        """The points of the world that pixels see at a depth along the optical axis.

        Args:
            pixels: u and v, ``[..., 2]``.
            depth_m: One depth, or one for each pixel, ``[...]``, in meters.

        Returns:
            ``[..., 3]``, in meters; NaN where the lens is not known.
        """
        seen, shape = _rows(pixels, "pixels", 2)
        depth = np.broadcast_to(np.asarray(depth_m, dtype=np.float64), shape).reshape(-1, 1)
        return self._native.unproject(np.hstack([seen, depth])).reshape(*shape, 3)

    def on_plane(self, pixels: ArrayLike, height_m: float) -> NDArray[np.float64]:
        """Where the rays of pixels ``[..., 2]`` meet the plane z = ``height_m``, ``[..., 3]`` in meters."""
        seen, shape = _rows(pixels, "pixels", 2)
        return self._native.on_plane(seen, float(height_m)).reshape(*shape, 3)

    def __repr__(self) -> str:
        at = ", ".join(f"{value:.3f}" for value in self.world_from_camera[:3, 3])
        return f"Calibration({self.width} x {self.height} at [{at}] m)"


@dataclass(frozen=True, eq=False)
class Localization:
    """A plate that was found in a frame.

    Attributes:
        pose: x and y in meters, yaw in radians, world frame, float64 ``[3]``.
        height_m: The height of its body's center, world frame, in meters.
        plate_in_image: Where the picture shows it: u, v and its diagonal in pixels, float64 ``[3]``.
        mask: Its pixels, bool ``[height, width]``.
        bounding_box: The detector's box: left, top, right, bottom in pixels, float64 ``[4]``.
        score: The detector's score, 0 to 1.
        confidence: The probability that the pose is within 1 mm of the truth, if the camera is right.
        depth_m: The depth of its surface, in meters.
    """

    pose: NDArray[np.float64]
    height_m: float
    plate_in_image: NDArray[np.float64]
    mask: NDArray[np.bool_]
    bounding_box: NDArray[np.float64]
    score: float
    confidence: float
    depth_m: float


class Localizer:
    """Finds the plate in frames of a camera.

    Args:
        calibration: The camera.
        configuration: Keys of the configuration, such as ``{"vision": {"localizer": {...}}}``.

    Raises:
        ConfigurationError: A key is invalid.
    """

    def __init__(
        self, calibration: Calibration, configuration: Mapping[str, Any] | None = None
    ) -> None:
        self.calibration = calibration
        self._native = _native.LoadedLocalizer.configured(assignments(configuration or {}))

    @classmethod
    def from_run(cls, run: Run | str | os.PathLike[str]) -> Localizer:
        """The localizer of a run, with its camera."""
        path = run.path if isinstance(run, Run) else Path(run)
        localizer = cls.__new__(cls)
        localizer.calibration = Calibration.read(path / "camera.toml")
        localizer._native = _native.LoadedLocalizer.of_run(str(path / "config.toml"))
        return localizer

    def __call__(self, color: NDArray[np.uint8], depth: NDArray[Any]) -> Localization:
        """Finds the plate.

        Args:
            color: uint8 ``[height, width, 3]``, RGB.
            depth: Aligned to color: uint16 ``[height, width]`` in millimeters, or float in meters;
                0 or NaN where there is none.

        Raises:
            Fault: The frame does not show exactly one whole plate; ``kind`` is ``Localization``.
            TypeError, ValueError: The arrays are others; the message says what is expected.
        """
        found = self._native.localize(color, _millimeters(depth), self.calibration._native)
        return Localization(
            pose=np.array(found["pose"]),
            height_m=found["height_m"],
            plate_in_image=np.array(found["plate_in_image"]),
            mask=found["mask"],
            bounding_box=np.array(found["bounding_box"]),
            score=found["score"],
            confidence=found["confidence"],
            depth_m=found["depth_m"],
        )


def _millimeters(depth: NDArray[Any]) -> NDArray[Any]:
    if not isinstance(depth, np.ndarray) or depth.dtype.kind != "f":
        return depth
    millimeters = np.rint(1000.0 * depth.astype(np.float64))
    is_depth = (millimeters > 0) & (millimeters <= np.iinfo(np.uint16).max)
    return np.where(is_depth, millimeters, 0).astype(np.uint16)


def _array(value: ArrayLike, name: str, shape: Sequence[int]) -> NDArray[np.float64]:
    array = np.asarray(value, dtype=np.float64)
    if array.shape != tuple(shape) or not np.isfinite(array).all():
        raise ValueError(
            f"{name} has the shape {list(array.shape)}; expected finite numbers of the shape {list(shape)}"
        )
    return array


def _rows(value: ArrayLike, name: str, count: int) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != count:
        raise ValueError(f"{name} has the shape {list(array.shape)}; expected [..., {count}]")
    return np.ascontiguousarray(array.reshape(-1, count)), array.shape[:-1]
