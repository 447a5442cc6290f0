"""Compares rmrl-learn with PyTorch doing the same work, by turns, and prints the table.

`bench/run` builds what this needs and calls it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from policy_network import Encoder
from pytorch import Case
from safetensors.torch import save_file
from torch import Tensor
from torchvision.ops.misc import FrozenBatchNorm2d

HERE = Path(__file__).resolve().parent
SECTIONS = ("train", "look", "growth", "whole")
# The whole run mixes the learning with simulated trials, which no card takes over.
GPU_SECTIONS = SECTIONS[:-1]
DEVICES = ("cpu", "cuda", "wgpu")
THREADS = (1, 2)
NORMS = ("group", "frozen batch")
NETWORKS = {"resnet18x64": 128, "resnet10x32": 96}
# What rmrl-learn may take, as a share of PyTorch's processor time at its best.
TARGETS = {
    ("train", "resnet18x64"): 1.0,
    ("train", "resnet10x32"): 0.7,
    ("look", "resnet18x64"): 0.8,
    ("look", "resnet10x32"): 0.8,
    ("look-frozen", "resnet18x64"): 0.8,
    ("look-frozen", "resnet10x32"): 0.8,
}
# Both sides compute the same if numbers differ by no more than these shares. Adam's first steps turn a
# gradient's sign into a step, be it ever so small: PyTorch's own settings differ by 0.001 after four.
TOLERANCES = {"features": 1e-3, "losses": 1e-3, "probabilities": 1e-2}
# Compiling for each size would take longer than the measurement.
GROWTH_SETTINGS = ["fused adam", "channels last, fused adam"]
# The learning of `rmrl train` that the whole run compares.
WHOLE_RUN = (
    "policy.encoder.train=true",
    "policy.encoder.depth=18",
    "policy.encoder.base_width=64",
    "policy.encoder.weights=random",
    "schedule.replay_interval=10",
)
# Threads that wait spin by default, and where they share their cores, spinning is all they do.
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
# Memory stays with the process instead of going back to the system after each step.
RETENTIVE = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 33)}

Times = dict[str, float]


@dataclass
class Programs:
    """What is measured, and on which device."""

    step: Path
    earlier: Path | None
    # Of the whole run alone.
    rmrl: Path | None
    device: str = "cpu"
    # PyTorch's name of the device; `None` if it has none to compare with.
    torch_device: str | None = "cpu"


def built(*arguments: str) -> Path:
    """The executable that cargo makes."""
    output = subprocess.run(
        ["cargo", *arguments, "--locked", "--message-format", "json"],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    messages = map(json.loads, output.stdout.splitlines())
    made = [message["executable"] for message in messages if message.get("executable")]
    return Path(made[-1])


@dataclass
class Comparison:
    """A case on both sides. Times are medians over the rounds, in milliseconds."""

    case: str
    norms: str
    threads: int
    # What is compared: a card's work is not in the processor's time.
    clock: str
    rmrl: Times
    earlier: Times | None
    pytorch: dict[str, Times]
    # Settings that do not work here, and why.
    broken: dict[str, str] = field(default_factory=dict)
    # The largest differences between what both sides computed, as shares.
    differences: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> str | None:
        """The quickest setting; `None` where PyTorch was not measured."""
        return min(self.pytorch, key=lambda name: self.pytorch[name][self.clock], default=None)

    def ratio(self, setting: str, clock: str | None = None) -> float:
        clock = clock or self.clock
        return self.rmrl[clock] / self.pytorch[setting][clock]

    @property
    def target(self) -> float | None:
        """`None` for sizes and batches that nothing was promised for."""
        work, network, size, batch = self.case.split("/")
        if (size, batch) != (f"{NETWORKS[network]}px", f"batch{16 if work == 'train' else 1}"):
            return None
        return TARGETS[work, network]


class Worker:
    """PyTorch in a process of its own, which measures whenever it is asked to."""

    def __init__(self, case: str, policy: Path, options: list[str], env: dict[str, str]):
        command = [sys.executable, "-W", "ignore", str(HERE / "pytorch.py"), case]
        command += ["--policy", str(policy), *options]
        self.process = subprocess.Popen(
            command,
            env=os.environ | PATIENT | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        first = self._read()
        self.computed: dict[str, Any] = first["computed"]
        self.broken: dict[str, str] = first["broken"]

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.process.args)} failed")
        return json.loads(line)

    def measure(self) -> dict[str, Times]:
        self.process.stdin.write("measure\n")
        self.process.stdin.flush()
        return self._read()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure_rust(step: Path, case: str, threads: int, options: list[str]) -> dict[str, Any]:
    output = subprocess.run(
        [step, "--json", *options, case],
        env=os.environ | {"RAYON_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(output.stdout)


def pretrained_weights(case: Case) -> dict[str, Tensor]:
    """Random weights by torchvision's names, with batch norm's statistics as training leaves them."""
    torch.manual_seed(7)
    encoder = Encoder(case.depth, case.base_width, FrozenBatchNorm2d)
    for module in encoder.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.uniform_(-0.3, 0.3)
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    return {name: value.contiguous() for name, value in encoder.state_dict().items()}


def difference(ours: list[float], theirs: list[float]) -> float:
    """The largest difference, as a share of the largest number."""
    largest = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    return largest / max(abs(other) for other in theirs)


def median_times(rounds: list[Times]) -> Times:
    return {
        clock: statistics.median(one[clock] for one in rounds) for clock in ("processor_ms", "wall_ms")
    }


def compare(
    programs: Programs,
    case: str,
    norms: str,
    threads: int,
    rounds: int,
    best: list[str] | None = None,
) -> Comparison:
    """Measures a case, Rust and PyTorch by turns; of PyTorch's settings plain and `best`, or all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ["--policies", name]
        # Earlier benchmarks know no other device, nor the option.
        options += ["--device", programs.device] if programs.device != "cpu" else []
        if norms != "group":
            save_file(pretrained_weights(Case.parse(case)), folder / "weights.safetensors")
            options += ["--weights", str(folder / "weights.safetensors")]
        reference = measure_rust(programs.step, case, threads, options)
        policy = folder / "policy.safetensors"
        choice = [f"--only={name}" for name in best] if best else ["--without=plain"]
        workers = []
        if programs.torch_device:
            where = ["--threads", str(threads), "--device", programs.torch_device]
            workers = [
                Worker(case, policy, [*where, "--only=plain"], {}),
                Worker(case, policy, [*where, *choice], RETENTIVE),
            ]
        differences: dict[str, float] = {}
        for computed in (one for worker in workers for one in worker.computed.values()):
            for key, value in computed.items():
                if value is not None:
                    largest = max(differences.get(key, 0.0), difference(reference[key], value))
                    differences[key] = largest
        ours, earlier, theirs = [], [], {}
        for _ in range(rounds):
            ours.append(measure_rust(programs.step, case, threads, options))
            if programs.earlier:
                earlier.append(measure_rust(programs.earlier, case, threads, options))
            for worker in workers:
                for setting, times in worker.measure().items():
                    theirs.setdefault(setting, []).append(times)
        for worker in workers:
            worker.close()
    return Comparison(
        case=case,
        norms=norms,
        threads=threads,
        clock="processor_ms" if programs.device == "cpu" else "wall_ms",
        rmrl=median_times(ours),
        earlier=median_times(earlier) if earlier else None,
        pytorch={setting: median_times(times) for setting, times in theirs.items()},
        broken={setting: why for worker in workers for setting, why in worker.broken.items()},
        differences=differences,
    )


def children_secs() -> float:
    """Processor time of all processes that were waited for."""
    times = os.times()
    return times.children_user + times.children_system


def compare_whole_run(programs: Programs, threads: int) -> dict[str, Any]:
    """Seconds of a whole run; Rust's with the simulated trials and the run's files."""
    with tempfile.TemporaryDirectory() as name:
        measure_rust(programs.step, "train/resnet18x64/128px/batch1", threads, ["--policies", name])
        theirs = []
        for options, env in ([], {}), (["--fused-adam", "--channels-last"], RETENTIVE):
            command = [sys.executable, "-W", "ignore", str(HERE / "whole_run.py"), *options]
            command += ["--policy", f"{name}/policy.safetensors", "--threads", str(threads)]
            env = os.environ | PATIENT | env
            output = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
            theirs.append(json.loads(output.stdout))
        began, before = time.perf_counter(), children_secs()
        subprocess.run(
            [programs.rmrl, "train", "--method", "rm-rl", *(part for value in WHOLE_RUN for part in ("--set", value))],
            cwd=name,
            env=os.environ | {"RAYON_NUM_THREADS": str(threads)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        processor_secs, wall_secs = children_secs() - before, time.perf_counter() - began
    ours = {"processor_secs": processor_secs, "wall_secs": wall_secs}
    return {"threads": threads, "rmrl": ours, "pytorch": theirs}


def table(header: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] * len(header)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def shown(times_ms: float) -> str:
    return f"{times_ms:.2f}" if times_ms < 100 else f"{times_ms:.0f}"


def comparison_row(one: Comparison) -> dict[str, str]:
    """The cells by their columns' names."""
    cells = {"case": one.case, "norms": one.norms, "threads": str(one.threads)}
    cells["rmrl, ms"] = shown(one.rmrl[one.clock])
    if one.earlier:
        cells["earlier, ms"] = shown(one.earlier[one.clock])
    if one.best is None:
        return cells
    ratio = one.ratio(one.best)
    cells |= {
        "plain, ms": shown(one.pytorch["plain"][one.clock]),
        "best, ms": shown(one.pytorch[one.best][one.clock]),
        "the best setting": one.best,
        "/ plain": f"{one.ratio('plain'):.2f}",
        "/ best": f"**{ratio:.2f}**",
    }
    # What is promised, is promised of processor time.
    if one.clock == "processor_ms":
        target = one.target
        cells |= {
            "at most": "" if target is None else f"{target:.1f}",
            "verdict": "" if target is None else "ok" if ratio <= target else "OVER BUDGET",
            "wall / best": f"{one.ratio(one.best, 'wall_ms'):.2f}",
        }
    same = all(one.differences[key] <= TOLERANCES[key] for key in one.differences)
    largest = max(one.differences.values())
    return cells | {"difference": f"{largest:.0e}" + ("" if same else " DIFFERENT")}


def comparison_table(comparisons: list[Comparison]) -> str:
    rows = [comparison_row(one) for one in comparisons]
    return table(list(rows[0]), [list(row.values()) for row in rows])


def whole_run_table(run: dict[str, Any]) -> str:
    ours, rows = run["rmrl"], []
    for theirs in run["pytorch"]:
        ratios = [ours[clock] / theirs[clock] for clock in ("processor_secs", "wall_secs")]
        times = [f"{times['processor_secs']:.0f}" for times in (ours, theirs)]
        rows.append([*times, theirs["setting"], *(f"{ratio:.2f}" for ratio in ratios)])
    return table(["rmrl, s", "PyTorch, s", "setting", "ratio", "wall ratio"], rows)


def growth_cases() -> list[str]:
    cases = []
    for network, size in NETWORKS.items():
        cases += [f"train/{network}/{size}px/batch{batch}" for batch in (1, 4, 16, 64)]
        cases += [f"train/{network}/{one}px/batch16" for one in (64, 96, 128, 224) if one != size]
    return cases


def processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def card(has_cuda: bool) -> str:
    """What PyTorch has to compare with."""
    if has_cuda:
        return f"PyTorch on CUDA: {torch.cuda.get_device_name()}"
    return "with no PyTorch on this card to compare with"


class Report:
    """Prints as it goes and keeps everything."""

    def __init__(self, path: Path | None):
        self.path = path
        self.kept: dict[str, list[Any]] = {}

    def keep(self, section: str, measured: Any) -> None:
        self.kept.setdefault(section, []).append(measured)
        if self.path:
            self.path.write_text(json.dumps(self.kept, indent=1))

    def compare(self, section: str, *arguments: Any) -> Comparison:
        one = compare(*arguments)
        self.keep(section, vars(one) | {"best": one.best})
        figure = f"{one.ratio(one.best):.2f}" if one.best else f"{shown(one.rmrl[one.clock])} ms"
        row = f"{one.case} {one.norms} {one.threads}: {figure}"
        print(row, file=sys.stderr, flush=True)
        return one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section (all)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of Rust and PyTorch (3)")
    parser.add_argument("--json", type=Path, help="a file for all that was measured")
    parser.add_argument("--step", type=Path, help="the benchmark `step`, if not to be built")
    parser.add_argument("--rmrl", type=Path, help="the command `rmrl`, if not to be built")
    parser.add_argument("--earlier", type=Path, help="an earlier `step`, to be measured beside")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="where to compute (cpu)")
    arguments = parser.parse_args()
    device, on_cpu = arguments.device, arguments.device == "cpu"
    sections = arguments.only or (SECTIONS if on_cpu else GPU_SECTIONS)
    if "whole" in sections and not on_cpu:
        parser.error("--only whole is measured on the processor alone")
    has_cuda = not on_cpu and torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        sys.exit("--device cuda: PyTorch finds no CUDA device here (an NVIDIA card and its driver)")
    step = ["bench", "-p", "rmrl-learn", "--bench", "step", "--no-run"]
    step += [] if on_cpu else ["--features", device]
    rmrl = arguments.rmrl
    if "whole" in sections and rmrl is None:
        rmrl = built("build", "--release", "-p", "rmrl")
    programs = Programs(
        step=arguments.step or built(*step),
        earlier=arguments.earlier,
        rmrl=rmrl,
        device=device,
        torch_device="cpu" if on_cpu else "cuda" if has_cuda else None,
    )
    thread_counts = THREADS if on_cpu else THREADS[-1:]
    report = Report(arguments.json)

    print(f"PyTorch {torch.__version__}, {os.cpu_count()} cores of {processor_name()}.\n")
    if not on_cpu:
        print(f"rmrl on {device}, {card(has_cuda)}. Times are the wall's.\n")
    works = {"train": ["train"], "look": ["look", "look-frozen"]}
    for section in [section for section in works if section in sections]:
        comparisons = [
            report.compare(section, programs, case, norms, threads, arguments.rounds)
            for work in works[section]
            for network, size in NETWORKS.items()
            for case in [f"{work}/{network}/{size}px/batch{16 if work == 'train' else 1}"]
            for norms in NORMS
            for threads in thread_counts
        ]
        print(f"## {section}\n\n{comparison_table(comparisons)}\n", flush=True)
        for setting, reason in {k: v for one in comparisons for k, v in one.broken.items()}.items():
            print(f"{setting} does not work here: {reason}\n")
    if "growth" in sections:
        comparisons = [
            report.compare("growth", programs, case, "group", threads, 1, GROWTH_SETTINGS)
            for case in growth_cases()
            for threads in thread_counts
        ]
        print(f"## growth\n\n{comparison_table(comparisons)}\n", flush=True)
    if "whole" in sections:
        run = compare_whole_run(programs, max(THREADS))
        report.keep("whole", run)
        print(f"## whole\n\n{whole_run_table(run)}\n", flush=True)


if __name__ == "__main__":
    main()
