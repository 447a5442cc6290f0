"""An arm of Universal Robots, by ur_rtde: pip install ur-rtde. Tried with a small server of ours, never on a device.

python -m rmrl_robot.conformance ur_arm:ur --box 0.30 0.36 -0.23 -0.17 0.27 0.33
"""

import math
import os
import threading
import time

from rtde_control import RTDEControlInterface
from rtde_receive import RTDEReceiveInterface

from rmrl_robot.devices import Arm, Collision, Disconnected, Refused, ToolPose

ACCELERATION_M_S2 = 0.5
PROTECTIVE_STOP = 1 << 2  # of the safety status bits


class UniversalRobot(Arm):
    """Straight lines with the tool pointing down. The tool's point is the TCP that is set on the teach pendant.

    Connecting uploads a script, which moves nothing.
    """

    def __init__(self, host: str) -> None:
        self.control = RTDEControlInterface(host)
        self.receive = RTDEReceiveInterface(host)
        self.stopped = threading.Event()
        self.commanding = threading.Lock()

    def pose(self) -> ToolPose:
        x_m, y_m, z_m, rx, ry, _ = self.receive.getActualTCPPose()
        # Half a turn about an axis in the plane points down; twice the axis' angle is the yaw.
        return ToolPose(x_m, y_m, z_m, math.remainder(2 * math.atan2(ry, rx), math.tau))

    def move_to(self, x_m, y_m, z_m, yaw_rad, speed_m_s):
        half = 0.5 * math.remainder(yaw_rad, math.tau)
        target = [x_m, y_m, z_m, math.pi * math.cos(half), math.pi * math.sin(half), 0.0]
        with self.commanding:
            if self.stopped.is_set():
                raise Refused("the arm was stopped and not recovered")
            # Asynchronous: ur_rtde takes no stop while a synchronous call waits.
            if not self.control.moveL(target, speed_m_s, ACCELERATION_M_S2, True):
                raise Refused("moveL was refused: see the teach pendant")
        while self.control.getAsyncOperationProgress() >= 0:
            time.sleep(0.005)
        if self.receive.getSafetyStatusBits() & PROTECTIVE_STOP:
            raise Collision(self.pose())
        if self.stopped.is_set():
            raise Refused("the arm was stopped on its way")
        if not self.control.isConnected():
            raise Disconnected("the robot does not answer")
        return ToolPose(x_m, y_m, z_m, yaw_rad)

    def stop(self) -> None:
        self.stopped.set()
        with self.commanding:
            self.control.stopL(2.0)

    def recover(self) -> None:
        # A protective stop is cleared on the teach pendant, by a person who has looked.
        if not self.control.isProgramRunning():
            self.control.reuploadScript()
        self.stopped.clear()


def ur() -> UniversalRobot:
    return UniversalRobot(os.environ.get("UR_HOST", "127.0.0.1"))
