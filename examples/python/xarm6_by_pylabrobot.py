"""A UFACTORY xArm 6 with a BIO gripper, by PyLabRobot: pip install pylabrobot==1.0.0b1 xarm-python-sdk==1.18.4.

Tried with the emulated controller (`rmrl xarm emulate`), never on a device.

python -m rmrl_robot.conformance xarm6_by_pylabrobot:xarm6 --box 0.30 0.36 -0.05 0.05 0.18 0.24 --widths 0.09 0.13
"""

import asyncio
import math
import os
import threading

from pylabrobot.resources import Coordinate, Rotation
from pylabrobot.ufactory.xarm6.xarm6 import XArm6, XArm6Error

from rmrl_robot.devices import Arm, Collision, Gripper, Refused, ToolPose

COLLISIONS = (22, 31, 35)  # errors of the controller after contact
TOOL = (
    0.0,
    0.0,
    150.0,
    0.0,
    0.0,
    0.0,
)  # MEASURE: the point between the finger tips, from the flange


class PyLabRobotXArm6(Arm, Gripper):
    """PyLabRobot is asynchronous: its calls run in an event loop of their own.

    Its setup clears errors and powers the motors before an operator was asked: stand at the emergency stop.
    """

    def __init__(self, host: str) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.xarm = XArm6(host, tcp_offset=TOOL, gripper_min_mm=71, gripper_max_mm=150)
        self.stopped = threading.Event()
        self.run(self.xarm.setup())

    def run(self, call):
        try:
            return asyncio.run_coroutine_threadsafe(call, self.loop).result()
        except XArm6Error as error:
            if self.xarm._arm.error_code in COLLISIONS:
                raise Collision(self.pose()) from error
            raise Refused(str(error)) from error

    def pose(self) -> ToolPose:
        at = self.run(self.xarm.request_gripper_pose())
        x_m, y_m, z_m = (value / 1000 for value in (at.location.x, at.location.y, at.location.z))
        return ToolPose(x_m, y_m, z_m, math.radians(at.rotation.z))

    def move_to(self, x_m, y_m, z_m, yaw_rad, speed_m_s):
        if self.stopped.is_set():
            raise Refused("the arm was stopped and not recovered")
        # The controller takes a yaw within half a turn.
        down = Rotation(x=180, z=math.degrees(math.remainder(yaw_rad, math.tau)))
        at = Coordinate(1000 * x_m, 1000 * y_m, 1000 * z_m)
        self.run(self.xarm.move_to_location(at, down, speed=1000 * speed_m_s))
        if self.stopped.is_set():
            raise Refused("the arm was stopped on its way")
        return ToolPose(x_m, y_m, z_m, yaw_rad)

    def stop(self) -> None:
        self.stopped.set()
        self.run(self.xarm.halt())

    def recover(self) -> None:
        self.run(self.xarm.clear_errors())
        self.run(asyncio.sleep(0.5))  # the SDK learns from the next report that the error is gone
        self.stopped.clear()

    def open(self, width_m: float) -> None:
        if not 0.071 <= width_m <= 0.150:
            raise Refused(f"the gripper opens from 71 to 150 mm, not to {1000 * width_m} mm")
        self.run(self.xarm.move_gripper(1000 * width_m))

    def close(self) -> None:
        self.run(self.xarm.move_gripper(71))

    def holds_object(self) -> bool:
        # PyLabRobot does not tell it; the SDK below it does: its status 2 is "clamped".
        _, status = self.xarm._arm.get_bio_gripper_status()
        return status & 3 == 2


def xarm6() -> PyLabRobotXArm6:
    return PyLabRobotXArm6(os.environ.get("XARM_HOST", "127.0.0.1"))
