#!/usr/bin/env python3
"""Runs the same commands with two `rmrl` binaries and compares everything that they wrote.

    python3 tools/same_results.py BEFORE AFTER OUT [--jobs N] [--only PATTERN]

A refactoring must not change a result by a single bit. This script shows that it did not: BEFORE and AFTER are
the binaries built before and after it, OUT is a new folder for what they write. Only Python's standard library
is needed.

The runs:

    train/TASK/METHOD   20 trials of each method on each task, an evaluation and a localization of its images
    option/NAME         some more settings: drift of the camera, other views and groupings, a claim to prove
    killed/METHOD       a run that is killed by SIGKILL after some trials and resumed
    reproduce           a small `rmrl reproduce`
    emulated            a run on the emulated arm, with its camera and operator, in another process

For each run a line says `same`, or lines name the first difference in each of the files that differ. The exit status is 1 if
anything differs. `--only PATTERN` makes only the runs whose names match a shell pattern, such as 'train/shelf/*'.
`--seed-after N` gives AFTER another seed: then every run must differ, which shows that the comparison can fail.

Files are compared byte by byte, with these exceptions:

    renamed keys        by the tables below, in configurations, JSON and metadata
    [notify], [page]    runs keep them no longer
    what is printed     the last line, without the command that usually follows
    new keys, columns   what BEFORE does not write; see NEW below
    *.png               pixels, not how they are packed; of a run's images those of the first trial
    clocks              values of durations and of processor time; see CLOCK below
    run.json            commit and version of the program
    events.*            the wall time of each event
    *.safetensors       tensors are compared as bits; the digests of the log's lines are left out, because the
                        lines contain durations
    report.html         the words may differ, not the numbers, curves and images
    emulated            ports; see EMULATED below

Floating-point numbers in JSON and TOML are compared by their digits.
"""

import argparse
import concurrent.futures
import fnmatch
import html
import json
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import tomllib
import zlib

# --- What was renamed: old -> new ------------------------------------------------------------------------------
# Old names are read as new ones on both sides, so that a table may be longer than what AFTER has renamed already.

# Keys of the configuration, by their whole path. A name here also renames everything below it, unless a longer
# path has a line of its own.
CONFIG_KEYS = {
    "cell.person": "cell.operator",
    "distant": "remote",
    "distant.person_timeout_secs": "remote.operator_timeout_secs",
    "policy.label_width": "policy.label_sigma_bins",
    "policy.support": "policy.ood",
    "policy.support.reach_factor": "policy.ood.threshold",
    "actions.translations": "actions.translation_bins",
    "actions.rotations": "actions.rotation_bins",
    "vision.localizer.centre": "vision.localizer.center",
}

# Values of the configuration, by the old and the new path of their key.
CONFIG_VALUES = {
    "cell.person": {"distant": "remote"},
    "cell.operator": {"distant": "remote"},
    "camera.source": {"distant": "remote", "recorded": "playback"},
}

# Keys of JSON objects, wherever they are: in logs, in what commands print, and in metadata of .safetensors.
JSON_KEYS = {
    "whereabouts": "plate_location",
}

# Tensors of .safetensors files, by the beginning of their name.
TENSORS = {
}

# Parts of messages in logs and in what commands print.
WORDS = {
}

# What a clock decides: values in JSON and columns of tables. The first are CLOCK_KEYS of rmrl-data.
CLOCK = {"time", "durations_s", "digest", "training_cpu_secs", "total_cpu_secs"}

# What AFTER writes and BEFORE does not: keys of JSON, columns of tables, files. Left out on both sides.
NEW = {"schema", "time", "digest", "scenes", "tests", "test", "table_reward", "shelf_reward", "carries", "place_pose", "plate_seen", "put_by_person", "geometry", "exact"}
NEW_FILES = {"greedy.csv"}

# --- The runs --------------------------------------------------------------------------------------------------

METHODS = [
    "reinforce", "replay", "rm-rl", "rm-rl-pretrained", "hindsight", "ppo", "ppo-rm-rl", "actor-critic",
    "actor-critic-rm-rl", "none", "random", "constant", "oracle",
]
FIXED = ["none", "random", "constant", "oracle"]
TASKS = ["table", "shelf"]
TRIALS = 20

OPTIONS = {
    "drift": [
        "camera.drift.every_trials=3", "simulation.camera.drift_m_per_scene=0.001", "camera.drift.stop_m=0.1",
        'camera.drift.board={corners="5x4",square_m=0.015}', "camera.drift.height_m=0.0",
    ],
    "similarity": ["schedule.grouping=similarity"],
    "no-image": ["policy.view=none"],
    "global-image": ["policy.view=global", "policy.encoder.weights=random", "policy.encoder.image_size=64"],
    "encoder-learns": [
        "policy.encoder.train=true", "policy.encoder.weights=random", "policy.encoder.image_size=64",
        "policy.encoder.base_width=8", "schedule.trials_per_scene=5",
    ],
    "paper-localization": ["vision.localizer.fit_outline=false", "record.depth=false"],
    "claim": ["until=8mm@60%", "schedule.trials_per_scene=1"],
}

# The emulated arm. Arm and program exchange reports by the clock, so how often a report is read differs between
# two runs of one binary, but not what a trial does: its log is compared like any other. Ports differ.
EMULATED = {
    "cell.kind": "xarm",
    "cell.person": "distant",
    "camera.source": "distant",
    "camera.max_residual_mm": "20",
    "xarm.host": "127.0.0.1",
    "xarm.standstill_secs": "0.2",
}
PORTS = ["xarm.control_port", "xarm.report_port", "distant.address"]


def renamed(path):
    """The new path of a key of the configuration."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        new = CONFIG_KEYS.get(".".join(parts[:length]))
        if new:
            return ".".join([new, *parts[length:]])
    return path


class Binary:
    """One of the two programs. It takes old names of keys, and writes them as it knows them."""

    def __init__(self, program, folder, seed):
        self.folder = folder.resolve()
        self.seed = seed
        self.folder.mkdir(parents=True)
        # A copy, which stays what it is while another one is built.
        self.program = pathlib.Path(shutil.copy2(program, self.folder / "rmrl"))
        self.known = None
        small = ["--set", "simulation.camera.width_px=320"]
        self.rmrl(["train", "--method", "none", "--trials", "1", "--out", "names", *small], self.folder)
        self.known = flat(read_toml(self.folder / "names/config.toml"))

    def key(self, old):
        """The name of a key in this binary."""
        new = renamed(old)
        return new if new != old and new in self.known else old

    def setting(self, old, value):
        is_new = renamed("distant") + ".address" in self.known
        values = CONFIG_VALUES.get(old, {}) if is_new else {}
        return ["--set", f"{self.key(old)}={values.get(value, value)}"]

    def command(self, arguments):
        return [str(self.program), *arguments]

    def rmrl(self, arguments, folder, output=None):
        """Runs a command that must succeed; keeps what it prints in `output`."""
        done = subprocess.run(self.command(arguments), cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(self.command(arguments))} in {folder}: {done.stderr.decode()}")
        if output:
            (folder / output).write_bytes(done.stdout if output.endswith(".jsonl") else result_of(done.stdout))


def result_of(printed):
    """The result that a command prints last, without what only says how to go on."""
    result = json.loads(printed.splitlines()[-1])
    return json.dumps({key: value for key, value in result.items() if key not in ("event", "next")}).encode()


def train(binary, arguments):
    return ["train", "--seed", str(binary.seed), "--out", "run", *arguments]


def train_and_look(binary, folder, task, method, settings=()):
    arguments = ["--task", task, "--method", method, "--trials", str(TRIALS)]
    for setting in [f"schedule.pretrain_trials={TRIALS}", *settings]:
        arguments += ["--set", setting]
    binary.rmrl(train(binary, arguments), folder, "train.json")
    if method not in FIXED:
        binary.rmrl(["eval", "run", "--trials", "3"], folder, "eval.json")
    if "record.depth=false" not in settings:
        binary.rmrl(["localize", "--run", "run", "--json"], folder, "localize.jsonl")


def kill_and_resume(binary, folder, method):
    child = subprocess.Popen(
        binary.command(train(binary, ["--method", method, "--trials", str(TRIALS)])),
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    log = folder / "run/trials.jsonl"
    while child.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= TRIALS // 3):
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    if child.wait() != -signal.SIGKILL:
        raise RuntimeError(f"{folder}: the run ended before it was killed")
    binary.rmrl(["train", "--resume", "run"], folder, "train.json")


def reproduce(binary, folder):
    arguments = ["--methods", "hindsight,rm-rl-pretrained,none", "--seeds", "1", "--trials", "20"]
    binary.rmrl(["reproduce", *arguments, "--out", "out"], folder, "reproduce.txt")


def train_on_the_emulated_arm(binary, folder):
    settings = [part for item in EMULATED.items() for part in binary.setting(*item)]
    seed = ["--seed", str(binary.seed)]
    ports = ["--port", "0", "--report-port", "0", "--real-time-port", "0", "--cell", "127.0.0.1:0"]
    with subprocess.Popen(
        binary.command(["xarm", "emulate", "--speed", "0", *ports, *seed]),
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as emulator:
        try:
            listening = json.loads(emulator.stdout.readline())
            addresses = [listening["control"], listening["reports"][1]]
            addresses = [address.rsplit(":", 1)[1] for address in addresses] + [listening["cell"]]
            for key, address in zip(PORTS, addresses):
                settings += binary.setting(key, address)
            arguments = ["--trials", "12", "--set", "schedule.trials_per_scene=4", *settings]
            binary.rmrl(train(binary, arguments), folder, "train.json")
            binary.rmrl(["localize", "--run", "run", "--json"], folder, "localize.jsonl")
        finally:
            emulator.kill()


def all_runs():
    """The runs by name: what to do with a binary in a folder."""
    runs = {}
    for task in TASKS:
        for method in METHODS:
            runs[f"train/{task}/{method}"] = lambda binary, folder, task=task, method=method: train_and_look(
                binary, folder, task, method)
    for name, settings in OPTIONS.items():
        runs[f"option/{name}"] = lambda binary, folder, settings=settings: train_and_look(
            binary, folder, "table", "rm-rl", settings)
    for method in ["rm-rl", "hindsight", "constant"]:
        runs[f"killed/{method}"] = lambda binary, folder, method=method: kill_and_resume(binary, folder, method)
    runs["reproduce"] = reproduce
    runs["emulated"] = train_on_the_emulated_arm
    return runs


# How many files that differ are named for each run.
SHOWN = 12

# --- The comparison --------------------------------------------------------------------------------------------

class Digits(str):
    """A floating-point number, as it is written."""


def read_toml(path):
    return tomllib.loads(path.read_text(), parse_float=Digits)


def flat(table, path=""):
    """The values of nested tables by their whole paths."""
    values = {}
    for key, value in table.items():
        if isinstance(value, dict):
            values.update(flat(value, f"{path}{key}."))
        else:
            values[path + key] = value
    return values


def first_difference(before, after, path=""):
    """Where two values of JSON differ first, the order of keys included."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, other in zip(before, after):
            if key != other:
                return f"{path}: key {key} against {other}"
            found = first_difference(before[key], after[key], f"{path}.{key}")
            if found:
                return found
    elif isinstance(before, list) and isinstance(after, list):
        for place, (one, other) in enumerate(zip(before, after)):
            found = first_difference(one, other, f"{path}[{place}]")
            if found:
                return found
    elif type(before) is type(after) and before == after:
        return None
    else:
        return f"{path}: {shown(before)} against {shown(after)}"
    if len(before) != len(after):
        return f"{path}: {len(before)} entries against {len(after)}"
    return None


def shown(value):
    text = repr(value)
    return text if len(text) < 120 else text[:117] + "..."


def rename_json(value):
    """A JSON value with new names of keys, without what the clock decides."""
    if isinstance(value, list):
        return [rename_json(one) for one in value]
    if isinstance(value, str) and not isinstance(value, Digits):
        for old, new in WORDS.items():
            value = value.replace(old, new)
        return value
    if not isinstance(value, dict):
        return value
    renamed_value = {}
    for key, inner in value.items():
        key = JSON_KEYS.get(key, key)
        if key in NEW:
            continue
        if key in CLOCK:
            inner = dict.fromkeys(inner) if isinstance(inner, dict) else None
        if key == "config" and isinstance(inner, str):
            # The whole configuration of a unit of a reproduction, as TOML.
            inner = by_new_names(tomllib.loads(inner, parse_float=Digits))
        renamed_value[key] = rename_json(inner)
    return renamed_value


def parse_json(text):
    return json.loads(text, parse_float=Digits)


def compare_json(before, after):
    pair = [rename_json(parse_json(text)) for text in (before, after)]
    for value in pair:
        if isinstance(value, dict) and "commit" in value and "origin" in value:
            value["commit"] = value["origin"]["rmrl"] = "of the program"
            value.pop("config", None)
    return first_difference(*pair)


def compare_json_lines(before, after):
    before, after = before.split("\n"), after.split("\n")
    for number, (one, other) in enumerate(zip(before, after), 1):
        if one != other:
            if not one or not other:
                return f"line {number}: only one has it"
            found = compare_json(one, other)
            if found:
                return f"line {number}{found}"
    return None if len(before) == len(after) else f"{len(before)} lines against {len(after)}"


# Sections that belong to a start of the command: runs kept them once.
OF_A_START = ("notify", "page")


def by_new_names(config):
    """The values of a configuration by their new paths."""
    values = {}
    for path, value in flat(config).items():
        if path.split(".")[0] in OF_A_START:
            continue
        if path in PORTS or path in map(renamed, PORTS):
            value = "a port"
        if isinstance(value, str) and not isinstance(value, Digits):
            value = CONFIG_VALUES.get(path, {}).get(value, value)
        values[renamed(path)] = value
    return values


def compare_toml(before, after):
    before, after = (by_new_names(tomllib.loads(text, parse_float=Digits)) for text in (before, after))
    for path in sorted({*before, *after}):
        missing = "(no such key)"
        found = first_difference(before.get(path, missing), after.get(path, missing), path)
        if found:
            return found
    return None


def events(data):
    """The messages of a TensorBoard file without their wall times, which each begins with."""
    messages = []
    while data:
        length = struct.unpack_from("<Q", data)[0]
        message = data[12:12 + length]
        assert message[0] == 0x09, "an event begins with its wall time"
        messages.append(message[9:])
        data = data[12 + length + 4:]
    return messages


def compare_events(before, after):
    before, after = events(before), events(after)
    for number, (one, other) in enumerate(zip(before, after)):
        if one != other:
            return f"event {number}: {shown(one)} against {shown(other)}"
    return None if len(before) == len(after) else f"{len(before)} events against {len(after)}"


def tensors(data):
    """The metadata of a .safetensors file and its tensors: (type, shape, bytes) by name."""
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + length])
    metadata = {key: parse_json(value) for key, value in header.pop("__metadata__", {}).items()}
    for notes in metadata.values():
        # Digests of the log's lines, which contain durations.
        if isinstance(notes, dict) and "log" in notes:
            notes["log"] = len(notes["log"])
    found = {}
    for name, tensor in header.items():
        for old, new in TENSORS.items():
            name = new + name[len(old):] if name.startswith(old) else name
        begin, end = (8 + length + offset for offset in tensor["data_offsets"])
        found[name] = (tensor["dtype"], tensor["shape"], data[begin:end])
    return rename_json(metadata), found


def compare_safetensors(before, after):
    (notes_before, before), (notes_after, after) = tensors(before), tensors(after)
    for name in sorted({*before, *after}):
        if name not in before or name not in after:
            return f"tensor {name}: only one has it"
        (dtype, shape, bits), (other_dtype, other_shape, other_bits) = before[name], after[name]
        if (dtype, shape) != (other_dtype, other_shape):
            return f"tensor {name}: {dtype} {shape} against {other_dtype} {other_shape}"
        if bits != other_bits:
            place = next(place for place, pair in enumerate(zip(bits, other_bits)) if pair[0] != pair[1])
            return f"tensor {name}: byte {place} of {len(bits)}"
    found = first_difference(notes_before, notes_after)
    return f"metadata {found}" if found else None


CONFIG_IN_REPORT = re.compile(r"<pre>(.*)</pre>", re.DOTALL)
TEXT = re.compile(r">[^<]+<|alt=\"[^\"]*\"")
NUMBER = re.compile(r"[0-9][0-9.]*")


def compare_reports(before, after):
    configs = [html.unescape(CONFIG_IN_REPORT.search(text)[1]) for text in (before, after)]
    found = compare_toml(*configs)
    if found:
        return f"configuration: {found}"
    before, after = (CONFIG_IN_REPORT.sub("", text) for text in (before, after))
    if TEXT.sub("", before) != TEXT.sub("", after):
        return "curves, images or structure"
    for one, other in zip(TEXT.findall(before), TEXT.findall(after)):
        if NUMBER.findall(one) != NUMBER.findall(other):
            return f"{one} against {other}"
    return None


def compare_tables(before, after):
    """The numbers in the rows of tables: the words around them may be others."""
    before, after = ([line for line in text.split("\n") if line.startswith(("|", "<tr"))] for text in (before, after))
    for number, (one, other) in enumerate(zip(before, after), 1):
        if NUMBER.findall(one) != NUMBER.findall(other):
            return f"row {number}: {shown(one)} against {shown(other)}"
    return None if len(before) == len(after) else f"{len(before)} rows against {len(after)}"


def compare_lines(before, after):
    before, after = before.split("\n"), after.split("\n")
    # Tables have a header.
    left_out = [{place for place, column in enumerate(lines[0].split(",")) if column in CLOCK | NEW}
                for lines in (before, after)]
    for number, (one, other) in enumerate(zip(before, after), 1):
        if any(left_out):
            one, other = ([cell for place, cell in enumerate(line.split(",")) if place not in places]
                          for line, places in zip((one, other), left_out))
        if one != other:
            return f"line {number}: {shown(one)} against {shown(other)}"
    return None if len(before) == len(after) else f"{len(before)} lines against {len(after)}"


def pixels(png):
    """Header and pixels of a PNG that is not interlaced."""
    at, header, data = 8, None, b""
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        content = png[at + 8:at + 8 + length]
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            data += content
        at += 12 + length
    width, _, depth, color = struct.unpack_from(">IIBB", header)
    step = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color] * depth // 8
    rows, above, data = [], bytes(width * step), zlib.decompress(data)
    for start in range(0, len(data), width * step + 1):
        rows.append(above := unfiltered(data[start], bytearray(data[start + 1:start + 1 + width * step]), above, step))
    return header, rows


def unfiltered(kind, row, above, step):
    """A row of a PNG without its filter."""
    if kind == 2:
        return bytes((value + up) & 255 for value, up in zip(row, above))
    if kind:
        for place in range(len(row)):
            left, up, corner = (row[place - step], above[place], above[place - step]) if place >= step else (0, above[place], 0)
            if kind == 1:
                guess = left
            elif kind == 3:
                guess = (left + up) // 2
            else:
                guess = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
            row[place] = (row[place] + guess) & 255
    return bytes(row)


def compare_files(before, after):
    """The first difference of two files; None if there is none."""
    one, other = before.read_bytes(), after.read_bytes()
    if one == other:
        return None
    name = before.name
    if name.startswith("events."):
        return compare_events(one, other)
    if name.endswith(".safetensors"):
        return compare_safetensors(one, other)
    if name.endswith(".png"):
        # Unpacking takes a second: of the images of a run those of the first trial, which all others follow.
        is_first = "/images/" not in before.as_posix() or name.startswith("00001-")
        return "other pixels" if is_first and pixels(one) != pixels(other) else None
    comparisons = {".toml": compare_toml, ".json": compare_json, ".jsonl": compare_json_lines}
    compare = compare_reports if name == "report.html" else comparisons.get(before.suffix)
    if compare:
        return compare(one.decode(), other.decode())
    if name in ("tables.md", "reproduction.html"):
        return compare_tables(one.decode(), other.decode())
    if name.endswith((".csv", ".md", ".txt", ".html")):
        return compare_lines(one.decode(), other.decode())
    return f"{len(one)} bytes against {len(other)}, with other contents"


def compare_trees(before, after):
    """The differences of two folders, as lines."""
    files = [{path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (before, after)]
    differences = []
    for path in sorted(files[0] | files[1]):
        if path.name in NEW_FILES:
            continue
        if path not in files[0] or path not in files[1]:
            differences.append(f"{path}: only {'BEFORE' if path in files[0] else 'AFTER'} wrote it")
            continue
        found = compare_files(before / path, after / path)
        if found:
            differences.append(f"{path}: {found}")
    # Images are many, and say least.
    return sorted(differences, key=lambda difference: "/images/" in difference)


def make_and_compare(name, make, binaries):
    """Makes a run with both binaries. Returns the differences."""
    folders = [binary.folder / name for binary in binaries]
    try:
        for binary, folder in zip(binaries, folders):
            folder.mkdir(parents=True)
            make(binary, folder)
    except (RuntimeError, OSError, ValueError) as error:
        return [str(error)], 0
    differences = compare_trees(*folders)
    count = sum(1 for path in folders[0].rglob("*") if path.is_file())
    if not differences:
        # What is the same is not needed any more.
        for folder in folders:
            shutil.rmtree(folder)
    return differences, count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before", metavar="BEFORE", help="the rmrl built before the change")
    parser.add_argument("after", metavar="AFTER", help="the rmrl built after it")
    parser.add_argument("out", metavar="OUT", type=pathlib.Path, help="a new folder; what differs is kept there")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="runs at a time [default: 1]")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="only the runs with such names")
    parser.add_argument("--seed-after", metavar="N", type=int, default=3, help="another seed for AFTER")
    arguments = parser.parse_args()

    runs = {name: make for name, make in all_runs().items() if fnmatch.fnmatch(name, arguments.only)}
    if not runs:
        sys.exit(f"no run is named like {arguments.only}; there are: {', '.join(all_runs())}")
    binaries = [
        Binary(arguments.before, arguments.out / "before", 3),
        Binary(arguments.after, arguments.out / "after", arguments.seed_after),
    ]
    different = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        waiting = {pool.submit(make_and_compare, name, make, binaries): name for name, make in runs.items()}
        for done in concurrent.futures.as_completed(waiting):
            differences, count = done.result()
            different += bool(differences)
            print(f"{waiting[done]:30} {'DIFFERENT' if differences else 'same'} ({count} files)", flush=True)
            for difference in differences[:SHOWN]:
                print(f"    {difference}", flush=True)
            if len(differences) > SHOWN:
                print(f"    and {len(differences) - SHOWN} more files", flush=True)
    print(f"{len(runs) - different} of {len(runs)} runs are the same")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
