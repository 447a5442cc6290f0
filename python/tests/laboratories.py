"""Laboratories of tests: simulated, and emulated by another process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SIMULATED = ROOT / "configs" / "laboratory.toml"
EMULATED = ROOT / "configs" / "laboratory-emulated.toml"
RMRL = [sys.executable, "-c", "from rmrl_robot.command import main; main()"]


def command(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs the command ``rmrl``."""
    texts = [*RMRL, *(str(word) for word in words)]
    return subprocess.run(
        texts, capture_output=True, text=True, timeout=120, check=False, **options
    )


def python(program: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Starts another Python."""
    words = [sys.executable, "-c", program, *(str(argument) for argument in arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, **options)


def at(folder: Path, **values: object) -> dict[str, Any]:
    """The values of a simulated laboratory whose inventory is a folder."""
    return {"inventory.dir": str(folder), **values}


def copied(learned: Path, folder: Path) -> dict[str, Any]:
    """The values of a laboratory that continues in a copy of the folder ``learned``."""
    shutil.copytree(learned, folder / "inventory")
    return at(folder / "inventory")


@contextmanager
def emulated(folder: Path, speed: float) -> Iterator[dict[str, Any]]:
    """The values of a laboratory that another process emulates, whose gripper has power and whose inventory is stated."""
    free = ["--port", "0", "--report-port", "0", "--real-time-port", "0", "--cell", "127.0.0.1:0"]
    words = ["xarm", "emulate", "--config", str(EMULATED), "--speed", str(speed), *free]
    with subprocess.Popen([*RMRL, *words], stdout=subprocess.PIPE, text=True) as emulator:
        try:
            assert emulator.stdout is not None
            listening = json.loads(emulator.stdout.readline())
            values = {
                "xarm.control_port": int(listening["control"].rsplit(":", 1)[1]),
                "xarm.report_port": int(listening["reports"][1].rsplit(":", 1)[1]),
                "xarm.standstill_secs": 0.0,
                "remote.address": listening["cell"],
                "inventory.dir": str(folder / "inventory"),
            }
            sets = [word for pair in values.items() for word in ("--set", "=".join(map(str, pair)))]
            powered = command("cell", "doctor", "--power-gripper", "--config", EMULATED, *sets)
            assert powered.returncode == 0, powered.stderr
            yield values
        finally:
            emulator.kill()
