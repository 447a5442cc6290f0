"""The command ``python -m rmrl_robot.conformance``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import rmrl_robot.conformance as kit
from rmrl_robot.conformance import Box, Check, Report, check_devices
from rmrl_robot.devices import Arm, Camera, Devices, Gripper, ToolPose


def _made(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if not attribute:
        raise SystemExit(f"{name!r}: expected MODULE:NAME, such as my_robot:MyArm")
    sys.path.insert(0, os.getcwd())
    try:
        make = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SystemExit(f"{name}: {error}") from error
    return make() if callable(make) else make


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        raise SystemExit(
            "nobody can be asked whether the device may move: start this on a terminal, or give --yes"
        )
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def main(words: Sequence[str] | None = None) -> int:
    """Runs ``python -m rmrl_robot.conformance``. Returns 0 where no check failed."""
    parser = argparse.ArgumentParser(
        prog="python -m rmrl_robot.conformance",
        description=kit.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("driver", metavar="MODULE:NAME")
    parser.add_argument(
        "--box",
        type=float,
        nargs=6,
        metavar=("X", "X", "Y", "Y", "Z", "Z"),
        help="where the tool may go: the limits along x, y and z, in meters",
    )
    parser.add_argument(
        "--speed", type=float, default=0.05, help="the highest speed, in m/s (default 0.05)"
    )
    parser.add_argument(
        "--contact",
        type=float,
        nargs=4,
        metavar=("X", "Y", "Z", "YAW"),
        help="a pose below something soft that the tool meets from above",
    )
    parser.add_argument(
        "--widths",
        type=float,
        nargs="+",
        default=[0.1, 0.13],
        help="widths that the jaws have, in meters",
    )
    parser.add_argument(
        "--object", type=float, help="the width of something that the jaws hold, in meters"
    )
    parser.add_argument(
        "--yes",
        action="store_true",
        help="move without asking: for mocks, and cells with an interlock",
    )
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")
    options = parser.parse_args(words)
    parts = _parts(_made(options.driver), options.driver)
    box = None
    if options.box is not None:
        x, xx, y, yy, z, zz = options.box
        box = Box((x, xx), (y, yy), (z, zz))
    elif "arm" in parts:
        parser.error("--box is missing: an arm moves inside of it, and nowhere else")
    report = check_devices(
        **parts,
        box=box,
        widths_m=options.widths,
        speed_m_s=options.speed,
        contact=None if options.contact is None else ToolPose(*options.contact),
        object_m=options.object,
        ask=(lambda _: True) if options.yes else _ask,
        on_check=(lambda _: None) if options.json else _print,
    )
    if options.json:
        print(json.dumps([asdict(check) for check in report.checks], indent=1))
    return 0 if report.is_conforming else 1


def _parts(device: Any, name: str) -> dict[str, Any]:
    """The devices of what a driver's name made. A device that is several is checked as each of them."""
    if isinstance(device, Devices):
        parts = {"arm": device.arm, "gripper": device.gripper, "camera": device.camera}
        return {part: one for part, one in parts.items() if one is not None}
    kinds = {"arm": Arm, "gripper": Gripper, "camera": Camera}
    several: dict[str, Any] = {
        part: device for part, kind in kinds.items() if isinstance(device, kind)
    }
    if not several:
        raise SystemExit(f"{name} is {device!r}; expected an arm, a gripper, a camera or Devices")
    return several


def _print(check: Check) -> None:
    print(Report([check]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
