#!/usr/bin/env python3
"""Runs the conformance kit on the drivers of examples/python whose packages are installed.

    pip install dist/*.whl pylabrobot==1.0.0b1 xarm-python-sdk==1.18.4 franky-control==2.0.0 franky-sim==1.0.4 ur-rtde==1.6.5 pyrealsense2
    cargo build --release -p rmrl-xarm --example emulate
    python3 tools/python_drivers.py target/release/examples/emulate

PyLabRobot's xArm 6 drives our emulated controller. The Franka arm is one of franky-sim, a simulator of others, which is
slower than its clock on a busy computer: its speed is printed and not judged. The arm of Universal Robots is a small server
of ours, which only goes where it is sent. No camera is here, so that of RealSense has
to say so.
"""

import argparse
import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples" / "python"


def show(check):
    from rmrl_robot.conformance import Report

    print(Report([check]), file=sys.stderr, flush=True)


def around(pose, side_m):
    from rmrl_robot.conformance import Box

    return Box(*((value - side_m / 2, value + side_m / 2) for value in pose[:3]))


def xarm6(emulator):
    """PyLabRobot's xArm 6 on the emulated controller."""
    from rmrl_robot.conformance import check_devices

    # The vendor's software looks for the controller's sockets in this folder.
    emulated = [emulator, "--firmware", "2.5.0", "--gripper", "g2", "--speed", "1"]
    server = subprocess.Popen(
        [*emulated, "--ports", "none", "--unix", "/tmp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        server.stdout.readline()
        with contextlib.redirect_stdout(io.StringIO()):
            from xarm6_by_pylabrobot import xarm6 as connect

            robot = connect()
            box = around(robot.pose(), 0.07)
            report = check_devices(
                arm=robot,
                gripper=robot,
                box=box,
                widths_m=(0.09, 0.13),
                speed_m_s=0.1,
                on_check=show,
            )
    finally:
        server.kill()
    return report.failed()


def franka(_):
    """The Franka arm of franky-sim."""
    from franky_sim import SimulationServer
    from franky_sim.mujoco_simulator import MujocoSimulator
    from rmrl_robot.conformance import check_devices

    with MujocoSimulator(enable_visualization=False) as simulator:
        model = simulator.add_robot()
        with SimulationServer(simulator) as server:
            server.run_async()
            from franka_arm import Franka

            robot = Franka(model.hostname)
            robot.move_timeout_s = 180.0
            box = around(robot.pose(), 0.05)
            report = check_devices(
                arm=robot, gripper=robot, box=box, widths_m=(0.03, 0.06), on_check=show
            )
            return [failed for failed in report.failed() if failed != "arm: speed"]


def universal_robot(_):
    """An arm of Universal Robots, over a small server of ours."""
    from rmrl_robot.conformance import check_arm

    # A process of its own: ur_rtde holds the interpreter's lock while it connects.
    words = [sys.executable, str(Path(__file__).with_name("ur_server.py"))]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        server.stdout.readline()
        from ur_arm import ur

        robot = ur()
        report = check_arm(robot, around(robot.pose(), 0.07), speed_m_s=0.1, on_check=show)
    finally:
        server.kill()
    return report.failed()


def realsense(_):
    """A RealSense camera that is not there."""
    from realsense_camera import RealSense
    from rmrl_robot.devices import Disconnected

    try:
        RealSense("overhead.toml")
    except Disconnected as error:
        print(f"ok      camera: {error}", file=sys.stderr)
        return []
    return ["a camera was found: check it with python -m rmrl_robot.conformance"]


DRIVERS = {
    "pylabrobot": xarm6,
    "franky_sim": franka,
    "rtde_control": universal_robot,
    "pyrealsense2": realsense,
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("emulator", help="the built example `emulate`")
    parser.add_argument(
        "--only", choices=DRIVERS, help="the driver of one package, in this process"
    )
    options = parser.parse_args()
    sys.path.insert(0, str(EXAMPLES))
    if options.only:
        failed = DRIVERS[options.only](options.emulator)
        print(", ".join(failed), file=sys.stderr)
        sys.stderr.flush()
        # Threads of the packages may hang.
        os._exit(1 if failed else 0)
    failed = []
    for package, check in DRIVERS.items():
        if importlib.util.find_spec(package) is None:
            print(f"{check.__doc__} Not checked: {package} is not installed", flush=True)
            continue
        print(check.__doc__, flush=True)
        words = [sys.executable, __file__, options.emulator, "--only", package]
        # Some of them write files where they are started.
        with tempfile.TemporaryDirectory() as folder:
            emulator = str(Path(options.emulator).resolve())
            words[1:3] = [str(Path(__file__).resolve()), emulator]
            if subprocess.run(words, cwd=folder, timeout=600, check=False).returncode != 0:
                failed.append(package)
    print(f"drivers that do not conform: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
