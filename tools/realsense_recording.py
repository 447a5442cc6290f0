#!/usr/bin/env python3
"""Tries the RealSense driver without a camera: a library to link, and recordings to play.

    pip install -r tools/requirements.txt      # or only pyrealsense2, of the version named there
    python tools/realsense_recording.py /tmp/realsense
    . /tmp/realsense/env.sh
    cargo test -p rmrl-realsense --features librealsense

The wheel `pyrealsense2` has librealsense2 inside its Python module. This makes it linkable: links of
the names that linkers and loaders ask for, and a `realsense2.pc` for pkg-config. Who has installed
librealsense2 itself needs only the recordings: `--recordings-only`.

The recordings come from a software device with the streams of a D435: color 640 x 480 and depth
848 x 480 at 30 pictures a second. What they show is known to each pixel; the constants below are
those of `crates/rmrl-realsense/tests/recorded.rs`.
"""

import argparse
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import pyrealsense2 as rs

FPS = 30
FRAMES = 24
# Half a millimetre: not the unit that comes out.
DEPTH_UNIT_M = 0.0005
COLOR = {"width": 640, "height": 480, "fx": 615.25, "fy": 614.5, "ppx": 322.5, "ppy": 241.75}
DEPTH = {"width": 848, "height": 480, "fx": 425.5, "fy": 425.5, "ppx": 424.25, "ppy": 238.5}
# Where the depth camera's origin lies in the color camera, in meters.
COLOR_FROM_DEPTH = [0.015, 0.002, 0.0]
# A plane below, one millimetre lower in each picture, and a box on it: x and y in the depth camera.
PLANE_M = 0.6
BOX_M = 0.5
BOX_X = (-0.10, 0.06)
BOX_Y = (-0.04, 0.05)


def intrinsics(numbers: dict) -> rs.intrinsics:
    """As a D435 has them: it names the inverse model and has no coefficients."""
    made = rs.intrinsics()
    for key, value in numbers.items():
        setattr(made, key, value)
    made.model = rs.distortion.inverse_brown_conrady
    made.coeffs = [0.0] * 5
    return made


def stream(kind, form, number: int, pixel_bytes: int, numbers: dict) -> rs.video_stream:
    """A video stream of a software device."""
    made = rs.video_stream()
    made.type, made.index, made.uid, made.fmt = kind, 0, number, form
    made.width, made.height, made.fps, made.bpp = numbers["width"], numbers["height"], FPS, pixel_bytes
    made.intrinsics = intrinsics(numbers)
    return made


def color_pixels(n: int) -> np.ndarray:
    """Red is the column, green the row, blue tells the picture."""
    v, u = np.indices((COLOR["height"], COLOR["width"]))
    return np.stack([u % 256, v % 256, np.full_like(u, 8 * n)], axis=-1).astype(np.uint8)


def depth_pixels(n: int) -> np.ndarray:
    """The box on the plane, by the ray of each pixel, in units of the device."""
    v, u = np.indices((DEPTH["height"], DEPTH["width"]))
    x = (u - DEPTH["ppx"]) / DEPTH["fx"] * BOX_M
    y = (v - DEPTH["ppy"]) / DEPTH["fy"] * BOX_M
    box = (BOX_X[0] <= x) & (x <= BOX_X[1]) & (BOX_Y[0] <= y) & (y <= BOX_Y[1])
    depth_m = np.where(box, BOX_M, PLANE_M + n / 1000)
    return np.round(depth_m / DEPTH_UNIT_M).astype(np.uint16)


def frame(n: int, pixels: np.ndarray, profile) -> rs.software_video_frame:
    """One frame of a stream."""
    made = rs.software_video_frame()
    made.pixels = pixels
    made.bpp = pixels.strides[1]
    made.stride = pixels.strides[0]
    made.timestamp = 1000.0 * (1 + n / FPS)
    made.domain = rs.timestamp_domain.hardware_clock
    made.frame_number = n + 1
    made.profile = profile.as_video_stream_profile()
    return made


def record(path: Path, with_color: bool) -> None:
    """Records both streams; without frames of color where a camera has stalled."""
    path.unlink(missing_ok=True)
    device = rs.software_device()
    device.register_info(rs.camera_info.name, "Synthetic D435")
    device.register_info(rs.camera_info.serial_number, "000000000435")
    depth_sensor, color_sensor = device.add_sensor("Stereo Module"), device.add_sensor("RGB Camera")
    depth = depth_sensor.add_video_stream(stream(rs.stream.depth, rs.format.z16, 1, 2, DEPTH))
    color = color_sensor.add_video_stream(stream(rs.stream.color, rs.format.rgb8, 2, 3, COLOR))
    depth_sensor.add_read_only_option(rs.option.depth_units, DEPTH_UNIT_M)
    extrinsics = rs.extrinsics()
    extrinsics.rotation = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    extrinsics.translation = COLOR_FROM_DEPTH
    depth.register_extrinsics_to(color, extrinsics)

    recorder = rs.recorder(str(path), device)
    sensors = recorder.query_sensors()
    for sensor in sensors:
        sensor.open(sensor.get_stream_profiles())
        sensor.start(lambda _: None)
    # A recording is played at the pace of its making: what takes time is made before.
    pictures = [(depth_pixels(n), color_pixels(n)) for n in range(FRAMES)]
    began = time.monotonic()
    for n, (depths, colors) in enumerate(pictures):
        time.sleep(max(0.0, began + n / FPS - time.monotonic()))
        depth_sensor.on_video_frame(frame(n, depths, depth))
        if with_color:
            color_sensor.on_video_frame(frame(n, colors, color))
    for sensor in sensors:
        sensor.stop()
        sensor.close()


def link_library(out: Path) -> list[str]:
    """Makes the wheel's library linkable; returns the lines that an environment needs."""
    module = next(Path(rs.__path__[0]).glob("pyrealsense2.*.so"))
    python = python_library()
    lib = out / "lib"
    lib.mkdir(exist_ok=True)
    for name, target in (
        ("librealsense2.so", module),
        (soname(module), module),
        ("libpython.so", python),
    ):
        (lib / name).unlink(missing_ok=True)
        (lib / name).symlink_to(target)
    (lib / "realsense2.pc").write_text(
        "Name: realsense2\n"
        "Description: librealsense2 of the wheel pyrealsense2\n"
        f"Version: {rs.__version__}\n"
        f"Libs: -L{lib} -lrealsense2 -lpython\n"
    )
    return [
        f"export PKG_CONFIG_PATH={lib}${{PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}}",
        f"export LD_LIBRARY_PATH={lib}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}",
        "# The module asks for names of Python, and linkers drop a library that a program does not use.",
        f"export LD_PRELOAD={python}",
    ]


def python_library() -> Path:
    """The shared library of this Python."""
    name = sysconfig.get_config_var("INSTSONAME")
    folder = Path(sysconfig.get_config_var("LIBDIR"))
    for place in (folder, folder / (sysconfig.get_config_var("MULTIARCH") or "")):
        if ".so" in name and (place / name).is_file():
            return place / name
    sys.exit(f"{name} is no shared library or not in {folder}: the wheel's module needs one to be linked")


def soname(library: Path) -> str:
    """The name by which the loader asks for a library."""
    text = subprocess.run(
        ["readelf", "--dynamic", library], capture_output=True, text=True, check=True
    ).stdout
    return next(line for line in text.splitlines() if "(SONAME)" in line).split("[")[1].rstrip("]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="where to")
    parser.add_argument("--recordings-only", action="store_true", help="link no library")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    lines = [] if arguments.recordings_only else link_library(out)
    record(out / "cell.db3", with_color=True)
    record(out / "stalled.db3", with_color=False)
    lines.append(f"export RMRL_REALSENSE_RECORDINGS={out}")
    (out / "env.sh").write_text("\n".join(lines) + "\n")
    print(f". {out / 'env.sh'}")


if __name__ == "__main__":
    main()
