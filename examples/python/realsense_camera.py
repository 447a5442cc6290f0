"""A RealSense D400 camera, by pyrealsense2: pip install pyrealsense2. Its wheel carries the library. Never tried on a device.

from rmrl_robot.devices import Devices, train
train(file="configs/xarm6.toml", devices=Devices(camera=RealSense("overhead.toml")), out="runs/first")
"""

import time

import numpy as np
import pyrealsense2 as rs

from rmrl_robot.devices import Camera, Disconnected, TimedOut


class RealSense(Camera):
    """Color and depth aligned to it, 640 x 480. `camera_file` is the file of `rmrl calibrate overhead`."""

    def __init__(self, camera_file: str, serial_number: str | None = None) -> None:
        self.camera_file = camera_file
        config = rs.config()
        if serial_number is not None:
            config.enable_device(serial_number)
        config.enable_stream(rs.stream.color, 640, 480, rs.format.rgb8, 30)
        config.enable_stream(rs.stream.depth, 640, 480, rs.format.z16, 30)
        self.pipeline, self.align = rs.pipeline(), rs.align(rs.stream.color)
        try:
            profile = self.pipeline.start(config)
        except RuntimeError as error:
            raise Disconnected(f"no camera: {error}; is it plugged into a USB 3 port?") from error
        self.unit_m = profile.get_device().first_depth_sensor().get_depth_scale()

    def capture(self):
        asked = time.time()
        while time.time() < asked + 5:
            try:
                frames = self.align.process(self.pipeline.wait_for_frames(2000))
            except RuntimeError as error:
                raise Disconnected(str(error)) from error
            color, depth = frames.get_color_frame(), frames.get_depth_frame()
            # Frames wait in a queue: only one that was exposed after the call shows what the arm has done.
            if color and depth and color.get_timestamp() / 1000 > asked + 0.05:
                meters = np.asanyarray(depth.get_data()) * np.float32(self.unit_m)
                return np.asanyarray(color.get_data()).copy(), meters
        raise TimedOut("no frame that was exposed after the call", 5.0)

    def model(self) -> str:
        return self.camera_file
