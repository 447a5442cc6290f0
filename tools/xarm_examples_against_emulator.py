#!/usr/bin/env python3
"""Runs the example scripts of UFACTORY's SDK for an xArm 6 against the emulated controller.

    git clone https://github.com/xArm-Developer/xArm-Python-SDK /tmp/xarm-sdk
    cargo build -p rmrl-xarm --example emulate
    python3 tools/xarm_examples_against_emulator.py target/release/examples/emulate /tmp/xarm-sdk

Prints a table: whether every call of a script succeeded, or what was refused and why. The scripts run as
they are, from where they are. Some never end by themselves; they are stopped. `--markdown` prints the
table of docs/xarm.md. The arm has the BIO gripper at its flange: a longer tool would meet the table when
`move_gohome` puts the flange 112 mm above it.
"""

import argparse
import collections
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# What the emulated arm does not have, and the calls that therefore fail in a script.
NO_SENSOR = "no force sensor: the controller's errors 50 to 52"
REFUSED = {
    "1007-counter": "its first line is in degrees and sent as radians: error 24 where the arm is singular",
    "8000-load_identify_current": "loads are not identified: the motors have no currents",
    "8001-force_tech": NO_SENSOR,
    "8002-admittance_control": NO_SENSOR,
    "8003-force_control": NO_SENSOR,
    "8004-load_identify": NO_SENSOR,
    "8005-read_force_data": NO_SENSOR,
    "8006-save_force_zero": NO_SENSOR,
    "9000-set_linear_motor": "no linear motor: the controller's error 111",
}
# Scripts that wait by their own clock run in real time, for this long at most; the others run faster.
REAL_TIME = {"1009", "1010", "2000", "2006", "3002", "3005", "7001", "7002", "7003"}
FASTER = 20
LONGEST_SECS = 90
# Scripts that go on with what the one before left in the controller: its record of a trajectory.
GOES_ON = {"3003"}
# Scripts that expect an arm with power, which somebody else has switched on.
NEEDS_POWER = {"3005"}
# Scripts without an end, and how long they are watched.
ENDLESS = {"3004": 3, "3005": 10, "5000": 12, "5001": 3, "5002": 6, "5009": 8, "7001": 8, "7002": 15, "8005": 4}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("emulator", help="the built example `emulate`")
    parser.add_argument("sdk", type=Path, help="a copy of the SDK's repository, outside of this one")
    parser.add_argument("--firmware", default="2.5.0")
    parser.add_argument("--gripper", default="g2")
    parser.add_argument("--only", action="append", help="scripts whose name begins so")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    folder = options.sdk / "example" / "wrapper"
    scripts = sorted([*(folder / "common").glob("[0-9]*.py"), *(folder / "xarm6").glob("[0-9]*.py")],
                     key=lambda script: script.name)
    if not scripts:
        parser.error(f"{folder} has no scripts")
    if options.only:
        scripts = [script for script in scripts if script.name.startswith(tuple(options.only))]
    unexpected, emulator = 0, None
    for script in scripts:
        began = time.monotonic()
        if emulator and script.name[:4] not in GOES_ON:
            stop(emulator)
            emulator = None
        emulator = emulator or start(options, script)
        outcome, detail = judge(script)
        expected = "refused" if script.stem in REFUSED else "passes"
        unexpected += outcome != expected
        took = f"{time.monotonic() - began:.0f} s"
        if options.markdown:
            print(f"| {script.stem} | {outcome} | {detail or REFUSED.get(script.stem, '')} |", flush=True)
        else:
            mark = "" if outcome == expected else f"  UNEXPECTED, not {expected}"
            print(f"{script.stem:45} {outcome:8} {took:>5}  {detail}{mark}", flush=True)
    if emulator:
        stop(emulator)
    return 1 if unexpected else 0


def start(options, script):
    speed = 1 if script.name[:4] in REAL_TIME else FASTER
    arguments = ["--firmware", options.firmware, "--gripper", options.gripper, "--tool", "bio"]
    arguments += ["--ports", "reports", "--unix", "/tmp", "--speed", str(speed)]
    emulator = subprocess.Popen(
        [options.emulator, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    emulator.stdout.readline()
    return emulator


def stop(emulator):
    emulator.stdin.close()
    emulator.wait(20)


def judge(script):
    """The outcome of a script, and what there is to say about it."""
    number = script.name[:4]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "calls.json"
        output = Path(folder) / "output"
        with output.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, __file__, "--run", str(report), str(script)],
                cwd=script.parent, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            )
            secs = ENDLESS.get(number)
            try:
                process.wait(secs or LONGEST_SECS)
                ended = True
            except subprocess.TimeoutExpired:
                ended = False
                process.send_signal(signal.SIGINT)
                process.wait(20)
        if not report.exists():
            return "fails", output.read_text()[-300:]
        said = json.loads(report.read_text())
    failed = ", ".join(f"{name} -> {code}" for name, code in said["failed"])
    if said["exception"]:
        return "fails", said["exception"]
    if not ended and not secs:
        return "fails", f"does not end within {LONGEST_SECS} s; {failed}"
    if failed:
        return "refused", failed
    return "passes", f"{said['calls']} calls" + ("" if ended else ", stopped: it never ends by itself")


def run(report, script):
    """Runs a script and writes down which calls of the SDK did not return 0."""
    sys.path.insert(0, str(Path(script).parents[3]))
    from xarm.wrapper import XArmAPI

    calls, failed, lock = collections.Counter(), collections.Counter(), threading.Lock()

    def watched(name, function):
        def call(*args, **kwargs):
            result = function(*args, **kwargs)
            code = result[0] if isinstance(result, (tuple, list)) and result else result
            with lock:
                calls[name] += 1
                if isinstance(code, int) and not isinstance(code, bool) and code != 0:
                    failed[name, code] += 1
            return result

        return call

    # Scripts end with calls whose answer is no code, and register functions.
    for name, function in list(vars(XArmAPI).items()):
        if callable(function) and not name.startswith(("_", "register_", "release_")):
            setattr(XArmAPI, name, watched(name, function))

    def write_down(exception=None):
        said = {"calls": calls.total(), "failed": list(failed), "exception": exception}
        Path(report).write_text(json.dumps(said))
        # Threads of the SDK would go on.
        os._exit(0)

    if Path(script).name[:4] in NEEDS_POWER:
        arm = XArmAPI("127.0.0.1")
        arm.motion_enable(True)
        arm.disconnect()
        calls.clear()
    # Not as an exception, which scripts catch.
    signal.signal(signal.SIGINT, lambda *_: write_down())
    sys.argv = [script, "127.0.0.1"]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        write_down(f"exit {end.code}" if end.code else None)
    except Exception as error:
        write_down(repr(error))
    write_down()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(*sys.argv[2:])
    sys.exit(main())
