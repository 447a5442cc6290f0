#!/usr/bin/env python3
"""Reads the event files of runs with TensorBoard's own readers, and compares with other files.

    python tools/tensorboard_reads_events.py RUN [RUN ...]

needs the packages tensorboard, numpy and Pillow. Scalars are compared with metrics.csv,
hyperparameters, as the plugin of that name reads them, with config.toml, and images are decoded.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import (
    api_pb2,
    backend_context,
    get_experiment,
    list_session_groups,
    metadata,
)

SCALARS = {
    "reward": "reward/trial",
    "reward_average": "reward/moving_average",
    "e_trans_mm": "error/translation_mm",
    "true_e_trans_mm": "error/true_translation_mm",
    "yaw_error_deg": "error/yaw_deg",
    "placed": "trial/placed",
    "faults": "trial/faults",
}
MOST_BYTES = 2_000_000


def require(holds: bool, what: str) -> None:
    """Ends the program with a reason."""
    if not holds:
        raise SystemExit(what)


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The keys of a configuration as `policy.encoder.depth`."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def check_scalars(events: EventAccumulator, run: Path) -> int:
    """Compares scalars with metrics.csv; returns how many."""
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    compared = 0
    for column, tag in SCALARS.items():
        expected = {
            int(r["trial"]): float(r[column]) for r in rows if r["test"] == "0" and r[column]
        }
        tags = events.Tags()["scalars"]
        found = {e.step: e.value for e in events.Scalars(tag)} if tag in tags else {}
        if tag.startswith("trial/"):
            found = {step: value for step, value in found.items() if step in expected}
        require(found.keys() == expected.keys(), f"{run}: {tag} is there for other trials")
        for step, value in expected.items():
            require(abs(found[step] - value) <= 1e-6 * max(1.0, abs(value)), f"{run}: {tag} {step}")
        compared += len(found)
    return compared


def check_images(events: EventAccumulator, run: Path, interval: int) -> int:
    """Decodes the images; returns how many."""
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    due = [int(r["trial"]) for r in rows if interval and (int(r["trial"]) - 1) % interval == 0]
    placed = [int(r["trial"]) for r in rows if int(r["trial"]) in due and r["placed"] == "1"]
    count = 0
    for tag, expected in (("images/start", due), ("images/placed", placed)):
        images = events.Images(tag) if tag in events.Tags()["images"] else []
        require([e.step for e in images] == expected, f"{run}: {tag} is not of trials {expected}")
        for event in images:
            with Image.open(io.BytesIO(event.encoded_image_string)) as image:
                image.load()
                require(image.size == (event.width, event.height), f"{run}: {tag} has another size")
                pixels = np.asarray(image.convert("RGB")).astype(int)
                is_green = (pixels[..., 1] > 160) & (pixels[..., [0, 2]].max(axis=2) < 150)
                green = int(is_green.sum())
                require(green > 30, f"{run}: no plate is drawn in {tag} of trial {event.step}")
        count += len(images)
    return count


def session_groups(run: Path) -> tuple[Any, Any]:
    """What the plugin for hyperparameters shows of a folder of one run."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer(
        tensor_size_guidance={metadata.PLUGIN_NAME: 0}
    )
    multiplexer.AddRunsFromDirectory(str(run))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(run))
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    request_context = RequestContext()
    about = get_experiment.Handler(
        request_context, context, "", api_pb2.GetExperimentRequest(include_metrics=True)
    )
    statuses = [api_pb2.STATUS_SUCCESS, api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_RUNNING]
    asked = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=10, allowed_statuses=statuses, include_metrics=True
    )
    handler = list_session_groups.Handler(request_context, context, "", asked)
    return about.run(), handler.run().session_groups


def check_hyperparameters(run: Path) -> int:
    """Compares hyperparameters with config.toml; returns how many."""
    config = flat(tomllib.loads((run / "config.toml").read_text()))
    experiment, groups = session_groups(run)
    names = {info.name for info in experiment.hparam_infos}
    require(names == config.keys(), f"{run}: the experiment has {names ^ config.keys()}")
    metrics = {info.name.tag for info in experiment.metric_infos}
    require("error/translation_mm" in metrics, f"{run}: it is not compared by its error")
    require(len(groups) == 1, f"{run}: {len(groups)} sessions")
    session = groups[0].sessions[0]
    require(session.status == api_pb2.STATUS_SUCCESS, f"{run}: its session did not end")
    require(session.end_time_secs >= session.start_time_secs > 0, f"{run}: no times")
    found = dict(groups[0].hparams)
    for name, value in config.items():
        kind = found[name].WhichOneof("kind")
        if isinstance(value, bool | int | float | str):
            same = getattr(found[name], kind) == value
            require(same, f"{run}: {name} is {found[name]}, expected {value!r}")
        else:
            require(kind == "string_value", f"{run}: {name} is no text")
    values = {v.name.tag: v.value for v in session.metric_values}
    require("reward/moving_average" in values, f"{run}: its metrics are {values}")
    return len(config)


def main() -> int:
    """Checks runs, and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    for run in parser.parse_args().runs:
        file = run / "events.out.tfevents.rmrl"
        events = EventAccumulator(str(file), size_guidance={"images": 0, "scalars": 0})
        events.Reload()
        config = tomllib.loads((run / "config.toml").read_text())
        scalars = check_scalars(events, run)
        images = check_images(events, run, config["metrics"]["image_interval"])
        hyperparameters = check_hyperparameters(run)
        size = file.stat().st_size
        require(size < MOST_BYTES, f"{file} has {size} bytes")
        print(
            f"{run}: {scalars} scalars, {images} images, {hyperparameters} hyperparameters, "
            f"{size / 1e3:.0f} kB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
