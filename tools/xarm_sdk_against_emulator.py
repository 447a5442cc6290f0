#!/usr/bin/env python3
"""Drives the emulated controller with UFACTORY's own SDK and checks what comes back.

    pip install xarm-python-sdk==1.18.4
    cargo build -p rmrl-xarm --example emulate
    python3 tools/xarm_sdk_against_emulator.py target/release/examples/emulate

The SDK knows no ports but its own; it is met at the sockets in /tmp that it tries first, so that
neither root nor a free port 502 is needed. `--tcp` takes the vendor's ports instead.
"""

import argparse
import contextlib
import io
import math
import subprocess
import sys
import time

with contextlib.redirect_stdout(io.StringIO()):
    from xarm.wrapper import XArmAPI

from xarm.core.config.x_config import XCONF

FIRMWARE = ["1.9.0", "1.12.10", "2.5.0"]
# Axes and type, as the SDK counts them.
MODELS = {"xarm5": (5, 5), "xarm6": (6, 6), "850": (6, 12)}
GRIPPERS = ["g1", "g2", "g2-early"]


class Checks:
    """Counts what is as expected and says what is not."""

    def __init__(self, label):
        self.label, self.passed, self.failed = label, 0, 0

    def equal(self, what, got, expected):
        self.true(what, got == expected, f"{got!r}, expected {expected!r}")

    def among(self, what, got, expected):
        self.true(what, got in expected, f"{got!r}, expected one of {expected!r}")

    def near(self, what, got, expected, tolerance=0.05):
        pairs = list(zip(got, expected))
        good = len(pairs) == len(expected) and all(abs(a - b) <= tolerance for a, b in pairs)
        self.true(what, good, f"{got!r}, expected {expected!r}")

    def true(self, what, good, detail=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {self.label}: {what}: {detail}")


def start(emulator, model, firmware, gripper, tcp):
    ways = ["--ports", "vendor"] if tcp else ["--ports", "none", "--unix", "/tmp"]
    options = ["--model", model, "--firmware", firmware, "--gripper", gripper, "--speed", "4", *ways]
    process = subprocess.Popen([emulator, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if not process.stdout.readline():
        sys.exit("the emulator did not start")
    return process


def settle(arm, state, timeout_secs=3.0):
    """Waits for a state, as reports tell it."""
    until = time.monotonic() + timeout_secs
    while time.monotonic() < until:
        if arm.get_state()[1] == state:
            return True
        time.sleep(0.02)
    return False


def make_ready(arm, checks, label):
    checks.equal(f"{label}: motion_enable", arm.motion_enable(True), 0)
    checks.equal(f"{label}: state after enabling", arm.get_state(), (0, 5))
    checks.equal(f"{label}: set_mode", arm.set_mode(0), 0)
    checks.equal(f"{label}: set_state", arm.set_state(0), 0)
    checks.true(f"{label}: ready", settle(arm, 2))


def check_limits(arm, checks):
    """The emulator's joint limits are those of the SDK's table for that robot and serial number."""
    type_number = arm.device_type
    if 1305 <= int(arm.sn[2:6]) < 8500:
        type_number = int(f"{arm.axis}1305")
    table = XCONF.Robot.JOINT_LIMITS[arm.axis][type_number]
    checks.equal("joints in the table", len(table), arm.axis)
    for index, limits in enumerate(table):
        for limit, inwards in zip(limits, (1, -1)):
            for step, is_beyond in ((0.001, False), (-0.001, True)):
                angles = [0.0] * arm.axis
                angles[index] = limit + inwards * step
                got = arm.is_joint_limit(angles, is_radian=True)
                checks.equal(f"joint {index + 1} at {angles[index]:.3f}", got, (0, is_beyond))


def check_beyond_the_driver(arm, checks, firmware, axes):
    """What this project's driver does not send, and the vendor's examples do."""
    # One joint alone: the SDK sends infinity for the others, or to older firmware what it was last told by a report.
    # One joint alone: the SDK sends infinity for the others, but to older firmware what a report told it last,
    # which may be from before the last motion.
    leaves_others = tuple(int(part) for part in firmware.split(".")) >= (2, 4, 101)
    count = 7 if leaves_others else 1
    joints = arm.get_servo_angle()[1]
    code = arm.set_servo_angle(servo_id=1, angle=joints[0] - 5, speed=40, wait=True)
    checks.equal("one joint", code, 0)
    checks.near("the others stay", arm.get_servo_angle()[1][:count], [joints[0] - 5, *joints[1:count]])
    code = arm.set_servo_angle(servo_id=1, angle=5, relative=True, speed=40, wait=True)
    checks.equal("one joint, relative", code, 0)
    checks.near("back", arm.get_servo_angle()[1][:count], joints[:count])

    code, table = arm.get_dh_params()
    new = tuple(int(part) for part in firmware.split(".")) >= (2, 0, 0)
    checks.equal("get_dh_params", (code, len(table)), (0 if new else 10, 28))
    checks.equal("get_joints_torque", arm.get_joints_torque(), (0, [0.0] * 7))
    offset = arm.get_pose_offset([100, 0, 0, 0, 0, 90], [100, 50, 0, 0, 0, 90])
    checks.equal("get_pose_offset", offset[0], 0)
    checks.near("offset", offset[1], [50, 0, 0, 0, 0, 0])
    # Refused, and the next call is not.
    checks.equal("a request that is not known", arm._arm.arm_cmd.get_safe_level()[0], 10)
    checks.equal("a call after it", arm.set_reduced_mode(False), 0)
    checks.equal("its warning", arm.get_err_warn_code(), (0, [0, 13]))
    checks.equal("clean_warn", arm.clean_warn(), 0)
    checks.equal("no warning", arm.get_err_warn_code(), (0, [0, 0]))

    start = arm.get_position()[1]
    arm.set_position(330, 0, 120, 180, 0, 0, speed=200, wait=True)
    code = arm.move_circle([380, 50, 120, 180, 0, 0], [430, 0, 120, 180, 0, 0], 50, speed=200, mvacc=1000, wait=True)
    checks.equal("move_circle", code, 0)
    checks.near("half of a circle", arm.get_position()[1][:3], [430, 0, 120])

    checks.equal("servo mode", (arm.set_mode(1), arm.set_state(0)), (0, 0))
    for step in range(1, 21):
        checks.equal("set_servo_cartesian", arm.set_servo_cartesian([430 - step, 0, 120, 180, 0, 0]), 0)
        time.sleep(0.005)
    checks.true("follows", settle(arm, 2))
    checks.near("servo target", arm.get_position()[1][:3], [410, 0, 120])
    joints = arm.get_servo_angle()[1]
    joints[0] += 2
    checks.equal("set_servo_angle_j", arm.set_servo_angle_j(joints), 0)
    checks.true("follows the joints", settle(arm, 2))
    checks.near("servo joints", arm.get_servo_angle()[1], joints)

    checks.equal("joint velocities", (arm.set_mode(4), arm.set_state(0)), (0, 0))
    checks.equal("vc_set_joint_velocity", arm.vc_set_joint_velocity([10] + [0] * 5, duration=0.5), 0)
    checks.true("turns", settle(arm, 1))
    checks.true("stops", settle(arm, 2))
    checks.near("turned", arm.get_servo_angle()[1], [joints[0] + 5, *joints[1:]], 0.5)
    checks.equal("tool velocities", (arm.set_mode(5), arm.set_state(0)), (0, 0))
    height = arm.get_position()[1][2]
    checks.equal("vc_set_cartesian_velocity", arm.vc_set_cartesian_velocity([0, 0, 50, 0, 0, 0], duration=0.5), 0)
    checks.true("rises", settle(arm, 1))
    checks.true("stops rising", settle(arm, 2))
    checks.near("risen", [arm.get_position()[1][2]], [height + 25], 2)
    make_ready(arm, checks, "after the other modes")

    checks.equal("get_cgpio_digital", arm.get_cgpio_digital(), (0, [1] * 16))
    checks.equal("set_cgpio_digital", (arm.set_cgpio_digital(3, 1), arm.set_cgpio_digital(9, 1)), (0, 0))
    checks.equal("set_cgpio_analog", arm.set_cgpio_analog(1, 3.6), 0)
    code, state = arm.get_cgpio_state()
    checks.equal("get_cgpio_state", (code, state[5]), (0, 1 << 3 | 1 << 9))
    checks.near("analog output", state[8:10], [0, 3.6], 0.01)
    checks.equal("set_tgpio_digital", arm.set_tgpio_digital(1, 1), 0)
    checks.equal("get_tgpio_output_digital", arm.get_tgpio_output_digital(), (0, [0, 1, 0, 0, 0]))
    checks.equal("get_tgpio_digital", arm.get_tgpio_digital(0), (0, 0))
    checks.equal("get_tgpio_analog", arm.get_tgpio_analog(0), (0, 0))
    arm.set_position(*start, speed=200, wait=True)


def drive(model, firmware, gripper):
    checks = Checks(f"{model} {firmware} {gripper}")
    axes, type_number = MODELS[model]
    arm = XArmAPI("127.0.0.1")
    checks.true("connected", arm.connected)
    code, version = arm.get_version()
    checks.true("version", code == 0 and version.strip("\0").endswith(f"v{firmware}"), version)
    checks.equal("version_number", arm.version_number, tuple(int(part) for part in firmware.split(".")))
    checks.equal("serial number", arm.get_robot_sn()[0], 0)
    checks.equal("axis", arm.axis, axes)
    checks.equal("type", arm.device_type, type_number)
    check_limits(arm, checks)
    checks.equal("state at first", arm.get_state(), (0, 4))
    checks.equal("no error", arm.get_err_warn_code(), (0, [0, 0]))
    # Not enabled, nothing moves: -2 is "not ready".
    checks.equal("motion before enabling", arm.set_position(300, 0, 200, 180, 0, 0, wait=False), -2)
    make_ready(arm, checks, "first")

    checks.equal("set_tcp_offset", arm.set_tcp_offset([0, 0, 150, 0, 0, 0]), 0)
    checks.equal("state after the offset", arm.get_state(), (0, 5))
    checks.equal("set_state after the offset", arm.set_state(0), 0)
    checks.equal("set_tcp_load", arm.set_tcp_load(0.7, [0, 0, 60]), 0)
    checks.equal("set_collision_sensitivity", arm.set_collision_sensitivity(3), 0)
    time.sleep(0.5)
    checks.near("reported offset", arm.tcp_offset, [0, 0, 150, 0, 0, 0])
    checks.near("pose at first", arm.get_position()[1][:3], [300, 0, 200])

    # Lines.
    code = arm.set_position(350, 100, 120, 180, 0, 30, speed=100, mvacc=1000, wait=True)
    checks.equal("set_position", code, 0)
    code, pose = arm.get_position()
    checks.near("pose after the line", [*pose[:3], abs(pose[3]), *pose[4:]], [350, 100, 120, 180, 0, 30])
    checks.equal("set_position relative", arm.set_position(x=-20, z=30, relative=True, speed=100, wait=True), 0)
    checks.near("pose after it", arm.get_position()[1][:3], [330, 100, 150])
    code = arm.set_position_aa([330, 50, 150, 180, 0, 0], speed=100, wait=True)
    checks.equal("set_position_aa", code, 0)
    pose = arm.get_position_aa()[1]
    checks.near("pose after it", [*pose[:3], abs(pose[3]), *pose[4:]], [330, 50, 150, 180, 0, 0])
    checks.equal("set_tool_position", arm.set_tool_position(z=10, speed=100, wait=True), 0)
    checks.near("pose after it", arm.get_position()[1][:3], [330, 50, 140])

    # Joints.
    code, angles = arm.get_servo_angle()
    checks.equal("get_servo_angle", code, 0)
    code, pose = arm.get_forward_kinematics(angles)
    checks.equal("get_forward_kinematics", code, 0)
    checks.near("forward kinematics", pose[:3], [330, 50, 140])
    code, solved = arm.get_inverse_kinematics(pose)
    checks.equal("get_inverse_kinematics", code, 0)
    checks.near("inverse kinematics", solved, angles)
    moved = [angles[0] + 10, angles[1] - 5, *angles[2:axes]]
    if axes == 5:
        # Its tool stays upright, or it could not go on in lines: joint 4 makes up for joint 2.
        moved[3] += 5
    checks.equal("set_servo_angle", arm.set_servo_angle(angle=moved, speed=40, wait=True), 0)
    checks.near("angles after it", arm.get_servo_angle()[1][:axes], moved)
    time.sleep(0.5)
    checks.near("reported angles", arm.angles[:axes], moved)
    radius = math.hypot(*arm.get_position()[1][:2])
    checks.true("joint 1 turned the arm", radius > 250, radius)

    check_beyond_the_driver(arm, checks, firmware, axes)

    # The gripper.
    checks.equal("set_bio_gripper_enable", arm.set_bio_gripper_enable(True), 0)
    checks.equal("get_bio_gripper_sn", arm._arm.get_bio_gripper_sn()[0], 23 if gripper == "g1" else 0)
    checks.equal("set_bio_gripper_speed", arm.set_bio_gripper_speed(1500), 0)
    checks.equal("open_bio_gripper", arm.open_bio_gripper(), 0)
    code, status = arm.get_bio_gripper_status()
    checks.equal("status open", (code, status), (0, 8))
    # The plate lies at 350, 100.
    arm.set_position(350, 100, 60, 180, 0, 0, speed=200, wait=True)
    checks.equal("down to the plate", arm.set_position(350, 100, 10, 180, 0, 0, speed=100, wait=True), 0)
    checks.equal("close_bio_gripper", arm.close_bio_gripper(), 0)
    checks.true("check_bio_gripper_is_catch", arm._arm.check_bio_gripper_is_catch())
    checks.equal("status holding", arm.get_bio_gripper_status(), (0, 10))
    checks.equal("up with it", arm.set_position(350, 100, 80, 180, 0, 0, speed=100, wait=True), 0)
    checks.equal("set_bio_gripper_position", arm.set_bio_gripper_position(150, speed=1000, force=40), 0)
    checks.equal("status let go", arm.get_bio_gripper_status(), (0, 8))
    checks.equal("get_bio_gripper_g2_position", arm.get_bio_gripper_g2_position(), (0, 150))
    checks.equal("get_bio_gripper_error", arm.get_bio_gripper_error(), (0, 0))
    if gripper != "g1":
        # Pulses of the motor in the place of millimeters, until it is set back.
        mode = arm._arm.get_bio_gripper_control_mode
        checks.equal("control mode", mode(), (0, 0))
        checks.equal("set_bio_gripper_control_mode", arm._arm.set_bio_gripper_control_mode(1), 0)
        checks.equal("control mode after it", mode(), (0, 1))
        checks.equal("and back", arm._arm.set_bio_gripper_control_mode(0), 0)
        checks.equal("control mode at last", mode(), (0, 0))
        checks.equal("enabled again", arm.set_bio_gripper_enable(True), 0)

    # Where the base stands in the world, and motions that are only simulated.
    here = arm.get_position()[1]
    checks.equal("set_world_offset", arm.set_world_offset([10, -20, 30, 0, 0, 0]), 0)
    time.sleep(0.5)
    make_ready(arm, checks, "after the base offset")
    checks.near("reported base offset", arm.world_offset, [10, -20, 30, 0, 0, 0])
    checks.near("poses are shifted", arm.get_position()[1][:3], [here[0] + 10, here[1] - 20, here[2] + 30])
    checks.equal("no base offset", arm.set_world_offset([0, 0, 0, 0, 0, 0]), 0)
    checks.equal("set_simulation_robot", arm.set_simulation_robot(True), 0)
    time.sleep(0.5)
    checks.equal("reported as simulated", arm._arm.is_simulation_robot, True)
    checks.equal("not simulated", arm.set_simulation_robot(False), 0)
    checks.near("gravity", arm.gravity_direction, [0, 0, -1])
    time.sleep(0.5)
    make_ready(arm, checks, "after these")

    # Stop and pause in the middle of motions.
    before = arm.get_position()[1]
    checks.equal("a long way", arm.set_position(350, -250, 80, 180, 0, 0, speed=100, wait=False), 0)
    checks.true("moving", settle(arm, 1))
    time.sleep(0.2)
    checks.equal("pause", arm.set_state(3), 0)
    checks.equal("paused", arm.get_state(), (0, 3))
    paused = arm.get_position()[1]
    time.sleep(0.1)
    checks.near("stands while paused", arm.get_position()[1], paused, 1e-3)
    checks.true("on its way", before[1] - 1 > paused[1] > -249, paused)
    checks.equal("go on", arm.set_state(0), 0)
    checks.true("arrives", settle(arm, 2))
    checks.near("where it was sent", arm.get_position()[1][:3], [350, -250, 80])
    arm.set_position(350, 100, 80, 180, 0, 0, speed=100, wait=False)
    settle(arm, 1)
    time.sleep(0.2)
    arm.emergency_stop()
    checks.equal("stopped", arm.get_state(), (0, 4))
    stopped = arm.get_position()[1]
    checks.true("stopped on the way", -249 < stopped[1] < 99, stopped)
    time.sleep(0.1)
    checks.near("stays there", arm.get_position()[1], stopped, 1e-3)
    make_ready(arm, checks, "after the stop")

    # The table is a collision, with an error to clear.
    arm.set_position(350, 0, 20, 180, 0, 0, speed=200, wait=True)
    code = arm.set_position(350, 0, -30, 180, 0, 0, speed=100, wait=True)
    # "Has an error", "stopped" where the state is heard of before the error's report, or "not ready" where the SDK
    # hears of it by its next request.
    failed = [1, 9, -9]
    checks.among("into the table", code, failed)
    checks.equal("error 31", arm.get_err_warn_code()[1][0], 31)
    checks.equal("stopped by it", arm.get_state()[1], 4)
    checks.equal("clean_error", arm.clean_error(), 0)
    checks.equal("clean_warn", arm.clean_warn(), 0)
    time.sleep(0.5)
    make_ready(arm, checks, "after the collision")
    checks.equal("up again", arm.set_position(350, 0, 100, 180, 0, 0, speed=100, wait=True), 0)

    # A fence.
    arm.set_reduced_tcp_boundary([500, 200, 300, -300, 400, 0])
    arm.set_fence_mode(True)
    checks.among("beyond the fence", arm.set_position(550, 0, 100, 180, 0, 0, speed=100, wait=True), failed)
    checks.equal("error 35", arm.get_err_warn_code()[1][0], 35)
    checks.near("never moved", arm.get_position()[1][:3], [350, 0, 100])
    arm.set_fence_mode(False)
    arm.clean_error()
    time.sleep(0.5)
    make_ready(arm, checks, "after the fence")
    checks.among("out of reach", arm.set_position(900, 0, 100, 180, 0, 0, speed=100, wait=True), failed)
    # No solution, or joints that race where the arm is stretched.
    checks.among("error 21 or 24", arm.get_err_warn_code()[1][0], [21, 24])
    arm.clean_error()
    arm.disconnect()

    # Other reports.
    for kind in ["normal", "real"]:
        arm = XArmAPI("127.0.0.1", report_type=kind)
        time.sleep(0.6)
        checks.true(f"{kind} reports come", arm._arm.reported and abs(arm.position[0] - 350) < 0.1, arm.position)
        arm.disconnect()
    return checks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("emulator", help="the built example `emulate`")
    parser.add_argument("--tcp", action="store_true", help="listen on 502 and 30001 to 30003")
    parser.add_argument("--firmware", action="append", help="only this version")
    parser.add_argument("--model", action="append", choices=MODELS, help="only this robot")
    parser.add_argument("--gripper", action="append", choices=GRIPPERS, help="only this gripper")
    options = parser.parse_args()
    failed = 0
    runs = [
        (model, firmware, gripper)
        for model in options.model or MODELS
        for firmware in options.firmware or FIRMWARE
        for gripper in options.gripper or GRIPPERS
        # One of each is enough of the other robots.
        if model == "xarm6" or options.model or (firmware, gripper) == (FIRMWARE[-1], GRIPPERS[-1])
    ]
    for model, firmware, gripper in runs:
        process = start(options.emulator, model, firmware, gripper, options.tcp)
        began = time.monotonic()
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                checks = drive(model, firmware, gripper)
        finally:
            process.stdin.close()
            process.wait(10)
        failed += checks.failed
        took = time.monotonic() - began
        told = f"{model}, firmware {firmware}, gripper {gripper}"
        print(f"{told}: {checks.passed} passed, {checks.failed} failed, {took:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
