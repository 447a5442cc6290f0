#!/usr/bin/env python3
"""Checks that the shapes of rmrl-clearance contain the vendor's meshes of the xArm 6 and the BIO gripper.

    git clone -b jazzy https://github.com/xArm-Developer/xarm_ros2
    python3 -m venv .venv && .venv/bin/pip install numpy
    .venv/bin/python tools/clearance_meshes.py xarm_ros2/xarm_description/meshes

Reads the rows `capsule(...)` and `cuboid(...)` of the crate's sources, and the meshes, which stay where they are. Each triangle is
sampled every 2 mm or closer, because a link of two capsules may contain corners and still not what is between them. Prints for each
link how far the outermost sample is inside, in mm; a negative number is outside, and then the script fails.
"""

import re
import struct
import sys
from pathlib import Path

import numpy as np

SOURCES = Path(__file__).resolve().parent.parent / "crates/rmrl-clearance/src"
RIGHT = np.pi / 2
# Origins of the joints of the xArm 6 in the vendor's URDF: x, y, z in mm, and the roll.
URDF = [
    ((0, 0, 267), 0), ((0, 0, 0), -RIGHT), ((53.5, -284.5, 0), 0),
    ((77.5, 342.5, 0), -RIGHT), ((0, 0, 0), RIGHT), ((76, 97, 0), -RIGHT),
]
OFFSET = np.arctan2(284.5, 53.5)
# The vendor's standard Denavit-Hartenberg table: offset, d, alpha, a.
TABLE = [
    (0, 267, -RIGHT, 0), (-OFFSET, 0, 0, np.hypot(284.5, 53.5)), (OFFSET, 0, -RIGHT, 77.5),
    (0, 342.5, RIGHT, 0), (0, 0, -RIGHT, 76), (0, 97, 0, 0),
]
# Where the fingers' joints are in the gripper's frame, and half the distance of the pads of the meshes there, in mm.
FINGER_ORIGIN, HALF_OPENING = (59, 0, 27), 35.8


def turn(axis, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(4)
    matrix[i, i] = matrix[j, j] = cos
    matrix[i, j], matrix[j, i] = -sin, sin
    return matrix


def shift(x, y, z):
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def frames_from_urdf():
    """For each link, the transform from the URDF's frame to the Denavit-Hartenberg frame of the same link."""
    urdf, table, found = np.eye(4), np.eye(4), [np.eye(4)]
    for (origin, roll), (offset, d, alpha, a) in zip(URDF, TABLE):
        urdf = urdf @ shift(*origin) @ turn(0, roll)
        table = table @ turn(2, offset) @ shift(0, 0, d) @ shift(a, 0, 0) @ turn(0, alpha)
        found.append(np.linalg.inv(table) @ urdf)
    return found


def triangles(path):
    """Triangles of a mesh, in mm: [triangle, corner, axis]."""
    if path.suffix == ".obj":
        rows = [line.split() for line in path.read_text().splitlines() if line]
        corners = np.array([row[1:4] for row in rows if row[0] == "v"], float)
        faces = [[int(word.split("/")[0]) - 1 for word in row[1:4]] for row in rows if row[0] == "f"]
        return 1000 * corners[np.array(faces)]
    data = path.read_bytes()
    count = struct.unpack("<I", data[80:84])[0]
    row = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    return 1000 * np.frombuffer(data[84:], row, count)["corners"].astype(float)


def samples(mesh, step=2.0):
    """Points on triangles, no two neighbors farther apart than `step`."""
    while True:
        edges = np.linalg.norm(mesh - np.roll(mesh, 1, axis=1), axis=2)
        long = edges.max(axis=1) > step
        if not long.any():
            return mesh.reshape(-1, 3)
        # Halve the longest edge: corner 0 is opposite to it afterwards.
        split, longest = mesh[long], edges[long].argmax(axis=1)
        order = (longest[:, None] + np.array([1, 2, 0])) % 3
        apex, to, start = np.moveaxis(np.take_along_axis(split, order[:, :, None], axis=1), 1, 0)
        middle = (to + start) / 2
        halves = [np.stack([apex, to, middle], 1), np.stack([apex, middle, start], 1)]
        mesh = np.concatenate([mesh[~long], *halves])


def inside_capsule(points, start, end, radius):
    along = end - start
    share = np.clip((points - start) @ along / (along @ along), 0, 1)
    return radius - np.linalg.norm(points - start - share[:, None] * along, axis=1)


def inside_box(points, least, most):
    return np.minimum(points - least, most - points).min(axis=1)


def numbers(text):
    return np.array([float(word) for word in text.split(",")])


def link_rows():
    source = (SOURCES / "arm_body.rs").read_text()
    shapes = {link: [] for link in range(7)}
    for link, start, end, radius in re.findall(
        r'capsule\("[^"]+", (\d), \[([^]]+)\], \[([^]]+)\], ([\d.]+)\)', source
    ):
        args = numbers(start), numbers(end), float(radius)
        shapes[int(link)].append(lambda points, args=args: inside_capsule(points, *args))
    for link, least, most in re.findall(r'cuboid\("[^"]+", (\d), \[([^]]+)\], \[([^]]+)\]\)', source):
        args = numbers(least), numbers(most)
        shapes[int(link)].append(lambda points, args=args: inside_box(points, *args))
    return shapes


def gripper_rows():
    source = (SOURCES / "gripper_body.rs").read_text()
    rows = re.findall(r"const (\w+): Shape = cuboid\(\[([^]]+)\], \[([^]]+)\]\)", source)
    return {name: (numbers(least), numbers(most)) for name, least, most in rows}


def report(name, points, shapes):
    spare = np.max([shape(points) for shape in shapes], axis=0).min()
    print(f"{name}: {len(points)} samples, the outermost {spare:.2f} mm inside")
    return spare >= 0


def main():
    meshes, sound = Path(sys.argv[1]), True
    rows = link_rows()
    for link, frame in enumerate(frames_from_urdf()):
        name = f"link{link}" if link else "link_base"
        paths = [meshes / f"xarm6/visual/{name}.stl", meshes / f"xarm6_1305/visual/{name}.stl"]
        paths.append(meshes / f"xarm6_1305/collision/{name}.obj")
        if link == 6:
            paths += [meshes / f"end_tool/collision/{tool}.stl" for tool in ("end_tool", "end_tool_1300")]
        points = samples(np.concatenate([triangles(path) for path in paths]))
        points = points @ frame[:3, :3].T + frame[:3, 3]
        # The base's lower face is the table's.
        points[:, 2] = np.maximum(points[:, 2], 0) if link == 0 else points[:, 2]
        sound &= report(name, points, rows[link])
    boxes = gripper_rows()
    body = lambda points: inside_box(points, *boxes["BODY"])
    sound &= report("gripper body", samples(triangles(meshes / "gripper/bio/link_base.stl")), [body])
    for name, side in (("left_finger", -1), ("right_finger", 1)):
        points = samples(triangles(meshes / f"gripper/bio/{name}.stl")) + np.array(FINGER_ORIGIN)
        points[:, 1] *= side
        from_pad = points - np.array([0, HALF_OPENING, 0])
        finger = [
            lambda _, box=boxes[key]: inside_box(from_pad, *box) for key in ("ROOT", "BLADE")
        ]
        sound &= report(name, points, [body, *finger])
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
