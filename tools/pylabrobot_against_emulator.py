#!/usr/bin/env python3
"""Drives the emulated controller with PyLabRobot's driver of the xArm 6 and checks what comes back.

    pip install xarm-python-sdk==1.18.4 pylabrobot==1.0.0b1
    cargo build -p rmrl-xarm --example emulate
    python3 tools/pylabrobot_against_emulator.py target/release/examples/emulate

PyLabRobot moves the jaws with the requests of another gripper of the vendor's, whose positions are 0 to 850:
a BIO gripper of the second generation takes what is beyond its range as fully open or closed.
"""

import argparse
import asyncio
import contextlib
import io
import subprocess
import sys

with contextlib.redirect_stdout(io.StringIO()):
    from pylabrobot.resources import Coordinate, Rotation
    from pylabrobot.ufactory.xarm6 import XArm6, XArm6Error

DOWN = Rotation(x=180)


class Checks:
    """Counts what is as expected and says what is not."""

    def __init__(self):
        self.passed, self.failed = 0, 0

    def true(self, what, good, detail=""):
        self.passed += good
        self.failed += not good
        if not good:
            print(f"{what}: {detail}", file=sys.stderr)

    def near(self, what, got, expected, tolerance=0.05):
        apart = max(abs(a - b) for a, b in zip(got, expected))
        self.true(what, apart <= tolerance, f"{got}, expected {expected}")


async def drive(checks):
    arm = XArm6("127.0.0.1", tcp_offset=(0, 0, 150, 0, 0, 0), tcp_load=(0.7, [0, 0, 60]))
    try:
        await arm.setup()
        checks.true("offset and load at once", False, "no error")
    except XArm6Error as error:
        # The offset resets the system, and the SDK counts a load as set only where the arm is ready.
        checks.true("offset and load at once", error.code == 9, error)
    await arm.stop()
    arm = XArm6("127.0.0.1", tcp_offset=(0, 0, 150, 0, 0, 0))
    await arm.setup()

    async def is_at(what, x, y, z):
        pose = await arm.request_gripper_pose()
        checks.near(what, [pose.location.x, pose.location.y, pose.location.z], [x, y, z])

    await is_at("at first", 300, 0, 200)
    await arm.move_gripper(150)
    checks.true("open", not await arm.is_gripper_closed())
    # The plate lies at 350, 100.
    await arm.move_to_location(Coordinate(350, 100, 60), DOWN, speed=300)
    await arm.pick_up_at_location(Coordinate(350, 100, 10), DOWN, resource_width=71)
    checks.true("closed", await arm.is_gripper_closed())
    await is_at("at the plate", 350, 100, 10)
    await arm.move_to_location(Coordinate(350, 100, 100), DOWN)
    await arm.move_to_location(Coordinate(350, -50, 100), DOWN, speed=300)
    await arm.drop_at_location(Coordinate(350, -50, 10), DOWN, resource_width=85)
    checks.true("let go", not await arm.is_gripper_closed())
    await arm.move_to_location(Coordinate(350, -50, 150), DOWN, speed=300)

    joints = await arm.request_joint_position()
    await arm.move_to_joint_position({1: joints[1] + 20}, speed=90)
    after = await arm.request_joint_position()
    checks.near("joint 1", [after[1]], [joints[1] + 20])
    checks.near("the others", [after[axis] for axis in range(2, 7)], [joints[axis] for axis in range(2, 7)])

    await arm.start_freedrive_mode(free_axes=[])
    await arm.stop_freedrive_mode()
    await arm.move_to_location(Coordinate(300, 0, 200), DOWN, speed=300)
    await is_at("after free drive", 300, 0, 200)
    # A straight tool of 150 mm is below the table when all joints are at zero.
    try:
        await arm.park()
        checks.true("into the table", False, "no error")
    except XArm6Error as error:
        checks.true("into the table", error.code != 0, error)
    await arm.clear_errors()
    # The SDK learns from the next report that the error is gone.
    await asyncio.sleep(0.5)
    await arm.move_to_location(Coordinate(300, 0, 200), DOWN, speed=300)
    arm.park_location, arm.park_rotation = Coordinate(300, 100, 200), DOWN
    await arm.park()
    await is_at("parked", 300, 100, 200)
    await arm.halt()
    try:
        await arm.move_to_location(Coordinate(300, 0, 200), DOWN)
        checks.true("halted", False, "it moves")
    except XArm6Error:
        pass
    await is_at("stands", 300, 100, 200)
    await arm.clear_errors()
    await asyncio.sleep(0.5)
    await arm.move_to_location(Coordinate(300, 0, 200), DOWN, speed=300)
    await is_at("continues", 300, 0, 200)
    await arm.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("emulator", help="the built example `emulate`")
    parser.add_argument("--firmware", default="2.5.0")
    parser.add_argument("--gripper", choices=["g2", "g2-early"], default="g2")
    options = parser.parse_args()
    arguments = ["--firmware", options.firmware, "--gripper", options.gripper, "--speed", "5"]
    emulator = subprocess.Popen(
        [options.emulator, *arguments, "--ports", "none", "--unix", "/tmp"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    emulator.stdout.readline()
    checks = Checks()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            asyncio.run(drive(checks))
    finally:
        emulator.stdin.close()
        emulator.wait(10)
    print(f"PyLabRobot: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
