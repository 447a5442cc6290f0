#!/usr/bin/env python3
"""Grounding DINO and Segment Anything on rten against ONNX Runtime: the same files, threads and picture.

    python3 -m venv .venv && .venv/bin/pip install -r tools/requirements.txt
    .venv/bin/python tools/export_grounded_sam.py --random --out /tmp/models
    .venv/bin/python bench/perception.py --models /tmp/models

Both run by turns, each in a process of its own; figures are medians by the processor's time. Rust's
include the preparation of the picture and what comes after the network, ONNX Runtime's the network alone.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
# [CLS] black cell plate . [SEP] by the vocabulary of --random, and by BERT's own.
TOKENS = {"vocab.txt": [101, 1063, 1064, 1065, 1012, 102], "tokenizer.json": [101, 2304, 3526, 5127, 1012, 102]}
# What we allow ourselves.
MOST_CPU, MOST_MEMORY_GB, MOST_LOAD_S = 1.0, 3.5, 2.0


def picture():
    """A table with a dark plate on it, 640 x 480."""
    u, v = np.meshgrid(np.arange(640), np.arange(480))
    rgb = np.stack([150 + u // 12, 140 + v // 8, 170 - (u + v) // 25], -1)
    rgb[(abs(u - 300 + v / 5) < 70) & (abs(v - 240 - u / 5) < 50)] = [22, 24, 30]
    return Image.fromarray(rgb.astype(np.uint8))


def normalised(image):
    return ((np.asarray(image) / 255 - MEAN) / DEVIATION).astype(np.float32).transpose(2, 0, 1)


class Timer:
    def __enter__(self):
        self.wall, self.cpu = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *_):
        self.wall, self.cpu = time.monotonic() - self.wall, time.process_time() - self.cpu


def median(rounds, work):
    work()
    timers = []
    for _ in range(max(rounds, 1)):
        with Timer() as timer:
            result = work()
        timers.append(timer)
    return sorted(timers, key=lambda timer: timer.cpu)[len(timers) // 2], result


def onnx_runtime(model, directory, file, threads, rounds, output):
    """The other side, in its own process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that wait by spinning would be counted as work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    def session(name):
        return onnxruntime.InferenceSession(str(directory / name), options, providers=["CPUExecutionProvider"])

    image, report = Image.open(file), {}
    if model == "grounding-dino":
        with Timer() as load:
            dino = session("model.onnx")
        shape = next(i.shape for i in dino.get_inputs() if i.name == "pixel_values")
        tokenizer = "tokenizer.json" if (directory / "tokenizer.json").exists() else "vocab.txt"
        ids = np.array([TOKENS[tokenizer]])
        feeds = {
            "pixel_values": normalised(image.resize((shape[3], shape[2]), Image.BILINEAR))[None],
            "input_ids": ids,
            "token_type_ids": np.zeros_like(ids),
            "attention_mask": np.ones_like(ids),
            "pixel_mask": np.ones((1, shape[2], shape[3]), dtype=np.int64),
        }
        run, (logits, _) = median(rounds, lambda: dino.run(["logits", "pred_boxes"], feeds))
        output.write_bytes(logits.astype("<f4").tobytes())
    else:
        with Timer() as load:
            encoder, decoder = session("vision_encoder.onnx"), session("decoder.onnx")
        size = encoder.get_inputs()[0].shape[2]
        width, height = image.size
        scale = size / max(width, height)
        inner = int(width * scale + 0.5), int(height * scale + 0.5)
        pixels = np.zeros((1, 3, size, size), dtype=np.float32)
        pixels[0, :, : inner[1], : inner[0]] = normalised(image.resize(inner, Image.BILINEAR))
        factors = np.array([inner[0] / width, inner[1] / height] * 2)
        box = (np.array([0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height]) * factors).astype(np.float32)
        names = ["image_embeddings", "image_positional_embeddings"]
        encoded = dict(zip(names, encoder.run(names, {"pixel_values": pixels})))

        def decode(encoded):
            return decoder.run(["iou_scores", "pred_masks"], encoded | {"input_boxes": box[None, None]})

        run, _ = median(rounds, lambda: decode(dict(zip(names, encoder.run(names, {"pixel_values": pixels})))))
        again, (scores, masks) = median(rounds, lambda: decode(encoded))
        report |= {"again_s": again.wall, "again_cpu_s": again.cpu}
        output.write_bytes(upscaled(masks[0, 0, scores.argmax()], size, inner, (width, height)).tobytes())
    report |= {"load_s": load.wall, "load_cpu_s": load.cpu, "run_s": run.wall, "run_cpu_s": run.cpu}
    report["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps(report))


def upscaled(mask, size, inner, original):
    import torch
    from torch.nn.functional import interpolate

    mask = interpolate(torch.from_numpy(mask)[None, None], (size, size), mode="bilinear")
    mask = interpolate(mask[..., : inner[1], : inner[0]], original[::-1], mode="bilinear")
    return (mask[0, 0] > 0).numpy().astype(np.uint8)


def difference(model, ours, theirs):
    ours, theirs = (path.read_bytes() for path in (ours, theirs))
    if model == "segment-anything":
        ours, theirs = np.frombuffer(ours, np.uint8) > 0, np.frombuffer(theirs, np.uint8) > 0
        either = (ours | theirs).sum()
        return f"masks overlap by {(ours & theirs).sum() / either if either else 1:.5f}"
    ours, theirs = np.frombuffer(ours, "<f4"), np.frombuffer(theirs, "<f4")
    finite = np.isfinite(theirs)
    if not np.array_equal(finite, np.isfinite(ours)):
        return "logits are infinite in DIFFERENT places"
    queries, tokens = len(ours) // 256, int(finite[:256].sum())
    ours, theirs = (logits[finite].reshape(queries, tokens) for logits in (ours, theirs))
    # The network takes its best proposals as queries; of two that score alike to the last bits, either side
    # may take the one or the other. Noise of 1e-7 in the picture does that to ONNX Runtime's, too.
    apart = np.abs(ours - theirs).max(axis=1) / np.abs(theirs).max()
    agreeing = apart < 1e-3
    return f"{agreeing.sum()} of {queries} queries agree, to {apart[agreeing].max():.0e} of the largest logit"


def built():
    command = ["cargo", "bench", "-p", "rmrl-grounded-sam", "--bench", "perception", "--no-run", "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    executables = [message.get("executable") for message in map(json.loads, lines) if message.get("target", {}).get("name") == "perception"]
    return next(path for path in executables if path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="the directory that the export wrote")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="pictures of each process")
    parser.add_argument("--turns", type=int, default=2, help="processes of each side")
    parser.add_argument("--only", choices=["grounding-dino", "segment-anything"])
    parser.add_argument("--onnx-runtime", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.onnx_runtime:
        model, directory, file, threads, rounds, output = options.onnx_runtime
        return onnx_runtime(model, Path(directory), file, int(threads), int(rounds), Path(output))

    binary = built()
    print(f"{options.threads} threads, medians of {options.rounds} pictures and {options.turns} processes")
    print(f"{'':28}{'rten':>18}{'ONNX Runtime':>18}{'share':>8}")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        picture().save(folder / "picture.png")
        for model in ("grounding-dino", "segment-anything"):
            if options.only not in (None, model):
                continue
            common = [model, str(options.models / model), str(folder / "picture.png"), str(options.threads), str(options.rounds)]
            sides = {
                "rten": [binary, *common, str(folder / "rten")],
                "ort": [sys.executable, __file__, "--models", ".", "--onnx-runtime", *common, str(folder / "ort")],
            }
            reports = {side: [] for side in sides}
            for _ in range(options.turns):
                for side, command in sides.items():
                    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                    reports[side].append(json.loads(done.stdout))
            rten, ort = (
                {key: float(np.median([report[key] for report in side])) for key in side[0]} for side in reports.values()
            )
            print(f"{model}: {difference(model, folder / 'rten', folder / 'ort')}")
            for key in sorted(rten, key=["load_s", "load_cpu_s", "run_s", "run_cpu_s", "again_s", "again_cpu_s", "peak_gb"].index):
                share = rten[key] / ort[key]
                too_much = (
                    (key == "run_cpu_s" and share > MOST_CPU)
                    or (key == "peak_gb" and rten[key] > MOST_MEMORY_GB)
                    or (key == "load_s" and rten[key] > MOST_LOAD_S)
                )
                missed |= too_much
                print(f"  {key:26}{rten[key]:18.2f}{ort[key]:18.2f}{share:8.2f}{'  MISSED' if too_much else ''}", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
