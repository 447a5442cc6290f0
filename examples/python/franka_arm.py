"""A Franka arm with its hand, by franky: pip install franky-control. Tried with the simulator franky-sim, never on a device.

python -m rmrl_robot.conformance franka_arm:franka --box 0.36 0.44 -0.06 0.06 0.36 0.44 --widths 0.03 0.06
"""

import math
import os
import threading

import franky

from rmrl_robot.devices import Arm, Collision, Gripper, Refused, ToolPose


class Franka(Arm, Gripper):
    """Straight lines of the hand, which points down. The tool's point is the hand's own."""

    def __init__(self, host: str) -> None:
        self.robot = franky.Robot(host, realtime_config=franky.RealtimeConfig.Ignore)
        self.hand = franky.Gripper(host)
        self.stopped = threading.Event()

    def pose(self) -> ToolPose:
        at = self.robot.current_cartesian_state.pose.end_effector_pose
        # The yaw of the hand's x axis.
        x_axis = at.matrix[:3, 0]
        return ToolPose(*at.translation, math.atan2(x_axis[1], x_axis[0]))

    def move_to(self, x_m, y_m, z_m, yaw_rad, speed_m_s):
        half = 0.5 * yaw_rad
        down = [math.cos(half), math.sin(half), 0.0, 0.0]
        share = speed_m_s / self.robot.translation_velocity_limit.get()
        target = franky.Affine([x_m, y_m, z_m], down)
        motion = franky.CartesianMotion(
            target, relative_dynamics_factor=franky.RelativeDynamicsFactor(share, 0.3, 0.3)
        )
        if self.stopped.is_set():
            raise Refused("the arm was stopped and not recovered")
        try:
            self.robot.move(motion)
        except franky.ControlException as error:
            if "reflex" in str(error):
                raise Collision(self.pose()) from error
            raise Refused(str(error)) from error
        if self.stopped.is_set():
            raise Refused("the arm was stopped on its way")
        return ToolPose(x_m, y_m, z_m, yaw_rad)

    def stop(self) -> None:
        self.stopped.set()
        self.robot.move(franky.CartesianStopMotion(), asynchronous=True)
        self.robot.join_motion(1.5)

    def recover(self) -> None:
        self.robot.recover_from_errors()
        self.stopped.clear()

    def open(self, width_m: float) -> None:
        if not 0 <= width_m <= self.hand.max_width or not self.hand.move(width_m, 0.05):
            raise Refused(f"the hand opens to {self.hand.max_width} m, not to {width_m}")

    def close(self) -> None:
        self.hand.grasp(0.0, 0.05, 20.0, epsilon_outer=1.0)

    def holds_object(self) -> bool:
        return self.hand.is_grasped and self.hand.width > 0.002

    def measured_width_m(self) -> float:
        return self.hand.width


def franka() -> Franka:
    return Franka(os.environ.get("FRANKA_HOST", "127.0.0.1"))
