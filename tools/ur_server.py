#!/usr/bin/env python3
"""A small stand-in for a controller of Universal Robots, enough for the moveL and stopL of ur_rtde 1.6.5; no simulator.

Its ports are those of the dashboard (29999), scripts (30003) and RTDE (30004). The uploaded script is not run: the registers
by which ur_rtde talks to it are served here. The tool goes where it is sent, in a straight line at the speed asked for, and
meets nothing.
"""

import socket
import struct
import threading
import time

PERIOD_S = 0.004
# The registers' commands of ur_rtde's script, and its two states.
MOVE_L, STOP_L, STOP_SCRIPT = 3, 33, 255
READY, DONE = 1, 2
ASYNCHRONOUS = 1 << 15
TYPES = {"BOOL": "?", "UINT8": "B", "INT32": "i", "UINT32": "I", "UINT64": "Q", "DOUBLE": "d"}
TYPES |= {"VECTOR3D": "3d", "VECTOR6D": "6d", "VECTOR6INT32": "6i"}
DASHBOARD = {
    b"polyscopeversion": b"URSoftware 5.11.0.0 (Jan 01 2022)",
    b"get serial number": b"20195500001",
    b"get robot model": b"UR5",
    b"is in remote control": b"true",
}


def kind_of(name):
    """The type of a field of RTDE."""
    for start, kind in (
        ("input_int", "INT32"),
        ("output_int", "INT32"),
        ("actual_TCP", "VECTOR6D"),
        ("target_TCP", "VECTOR6D"),
        ("actual_q", "VECTOR6D"),
        ("target_q", "VECTOR6D"),
        ("external_force", "VECTOR6D"),
        ("robot_status_bits", "UINT32"),
        ("safety_status_bits", "UINT32"),
        ("runtime_state", "UINT32"),
        ("output_bit_registers", "UINT32"),
        ("actual_digital", "UINT64"),
        ("robot_mode", "INT32"),
        ("safety_mode", "INT32"),
        ("speed_slider_mask", "UINT32"),
        ("joint_mode", "VECTOR6INT32"),
        ("actual_tool_accel", "VECTOR3D"),
        ("elbow", "VECTOR3D"),
        ("payload_cog", "VECTOR3D"),
        ("actual_joint", "VECTOR6D"),
        ("actual_current", "VECTOR6D"),
        ("target_current", "VECTOR6D"),
        ("target_moment", "VECTOR6D"),
        ("joint_", "VECTOR6D"),
        ("ft_raw", "VECTOR6D"),
        ("standard_digital", "UINT8"),
        ("configurable_digital", "UINT8"),
        ("tool_digital", "UINT8"),
        ("tool_output_mode", "UINT8"),
        ("standard_analog_output_mask", "UINT8"),
        ("standard_analog_output_type", "UINT8"),
    ):
        if name.startswith(start):
            return kind
    return "DOUBLE"


class Robot:
    """The tool, the state of the script, and the line under way."""

    def __init__(self, pose):
        self.lock = threading.Lock()
        self.pose = list(pose)
        self.line = None
        self.is_waited_for = False
        self.is_running = False
        self.state = READY

    def command(self, values):
        """Takes a package of registers: the command, then its numbers."""
        kind = values.get("input_int_register_0")
        with self.lock:
            if kind == STOP_SCRIPT:
                self.is_running = False
            elif kind == 0:
                self.state = READY
            elif kind == MOVE_L:
                numbers = [values[f"input_double_register_{index}"] for index in range(7)]
                self._begin(numbers[:6], numbers[6])
                # Of an asynchronous motion the command is done at once.
                self.is_waited_for = not values.get("input_int_register_1")
                self.state = self.state if self.is_waited_for else DONE
            elif kind is not None:
                self.line = None if kind == STOP_L else self.line
                self.state = DONE

    def _begin(self, target, speed_m_s):
        turned = max(abs(a - b) for a, b in zip(target[3:], self.pose[3:], strict=True))
        length = sum((a - b) ** 2 for a, b in zip(target[:3], self.pose[:3], strict=True)) ** 0.5
        seconds = max(length / speed_m_s, turned / 1.0, PERIOD_S)
        self.line = (list(self.pose), target, time.monotonic(), seconds)

    def advance(self):
        """Moves the tool along its line. Returns the pose."""
        with self.lock:
            if self.line is not None:
                begin, target, began, seconds = self.line
                share = min(1.0, (time.monotonic() - began) / seconds)
                self.pose = [a + share * (b - a) for a, b in zip(begin, target, strict=True)]
                if share == 1.0:
                    self.line = None
                    self.state = DONE if self.is_waited_for else self.state
            return list(self.pose)

    def fields(self):
        """What RTDE tells; everything else is 0."""
        pose = self.advance()
        return {
            "timestamp": time.monotonic(),
            "actual_TCP_pose": pose,
            "target_TCP_pose": pose,
            "robot_status_bits": 3 if self.is_running else 1,
            "safety_status_bits": 1,
            "safety_mode": 1,
            "robot_mode": 7,
            "runtime_state": 2 if self.is_running else 1,
            "output_int_register_0": self.state,
            # Whether an asynchronous motion runs, above its progress.
            "output_int_register_2": ASYNCHRONOUS if self.line is not None else 0,
        }


def read(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("the client has gone")
        data += more
    return data


def rtde(connection, robot):
    """Serves one connection of RTDE."""
    recipes, sending = {}, threading.Lock()

    def send(kind, payload):
        with sending:
            connection.sendall(struct.pack(">HB", len(payload) + 3, kind) + payload)

    def stream(names):
        while True:
            known, package = robot.fields(), b"\x01"
            for name in names:
                form = TYPES[kind_of(name)]
                zeros = [0] * int(form[0]) if form[0].isdigit() else 0
                value = known.get(name, zeros)
                package += struct.pack(">" + form, *(value if isinstance(value, list) else [value]))
            try:
                send(ord("U"), package)
            except OSError:
                return
            time.sleep(PERIOD_S)

    outputs = []
    while True:
        length, kind = struct.unpack(">HB", read(connection, 3))
        payload = read(connection, length - 3)
        if kind in (ord("V"), ord("P")):
            send(kind, b"\x01")
        elif kind == ord("v"):
            send(kind, struct.pack(">4I", 5, 11, 0, 0))
        elif kind in (ord("O"), ord("I")):
            text = payload[8:] if kind == ord("O") else payload
            names = [name for name in text.decode().split(",") if name]
            number = 1
            if kind == ord("O"):
                outputs = names
            else:
                number = len(recipes) + 1
                recipes[number] = names
            send(kind, bytes([number]) + ",".join(map(kind_of, names)).encode())
        elif kind == ord("S"):
            send(kind, b"\x01")
            threading.Thread(target=stream, args=(outputs,), daemon=True).start()
        elif kind == ord("U"):
            names = recipes.get(payload[0], [])
            if any(not name.startswith("input_") for name in names):
                continue
            form = ">" + "".join(TYPES[kind_of(name)] for name in names)
            robot.command(dict(zip(names, struct.unpack(form, payload[1:]), strict=True)))


def dashboard(connection, robot):
    connection.sendall(b"Connected: Universal Robots Dashboard Server\n")
    for line in connection.makefile("rb"):
        connection.sendall(DASHBOARD.get(line.strip().lower(), b"ok") + b"\n")


def script(connection, robot):
    while connection.recv(1 << 16):
        robot.is_running, robot.state = True, READY


def serve(pose):
    """Serves a robot on this computer, its tool at `pose`: meters and a rotation vector. Returns at once."""
    robot = Robot(pose)
    for port, answer in ((29999, dashboard), (30003, script), (30004, rtde)):
        listener = socket.create_server(("127.0.0.1", port))

        def accept(listener=listener, answer=answer):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=quietly, args=(answer, connection), daemon=True).start()

        def quietly(answer, connection):
            try:
                answer(connection, robot)
            except OSError:
                # The client has gone.
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
    return robot


if __name__ == "__main__":
    serve([0.33, -0.2, 0.3, 3.14159, 0.0, 0.0])
    print("ready", flush=True)
    threading.Event().wait()
