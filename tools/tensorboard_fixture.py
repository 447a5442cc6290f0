#!/usr/bin/env python3
"""Makes the event files that rmrl-data's TensorBoard writer is compared with, byte by byte.

    .venv/bin/python tools/tensorboard_fixture.py [EVENTS]

EVENTS is a file that the writer's test of hyperparameters made. The image in it is taken from there: an encoder's bytes are its own.
"""

import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

FOLDER = Path(__file__).resolve().parent.parent / "crates/rmrl-data/tests/fixtures"
START = Event(wall_time=1000.5, file_version="brain.Event:2")


def scalars(wall_time, step, values):
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values])
    return Event(wall_time=wall_time, step=step, summary=summary)


def plugin(wall_time, tag, **content):
    data = plugin_data_pb2.HParamsPluginData(**content)
    content = metadata.create_summary_metadata(data)
    # Maps have no order of their own.
    content.plugin_data.content = data.SerializeToString(deterministic=True)
    value = Summary.Value(tag=tag, metadata=content, tensor=metadata.NULL_TENSOR)
    return Event(wall_time=wall_time, summary=Summary(value=[value]))


def image(wall_time, step, tag, encoded):
    content = Summary.Image(height=16, width=24, colorspace=3, encoded_image_string=encoded)
    value = Summary.Value(tag=tag, image=content)
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[value]))


def hyperparameters(jpeg):
    types = {
        "method": "rm-rl",
        "policy.encoder.train": False,
        "policy.learning_rate": 0.0003,
        "record.exact": True,
        "seed": 0.0,
    }
    names = {str: api_pb2.DATA_TYPE_STRING, bool: api_pb2.DATA_TYPE_BOOL, float: api_pb2.DATA_TYPE_FLOAT64}
    infos = [api_pb2.HParamInfo(name=name, type=names[type(value)]) for name, value in types.items()]
    metrics = [
        api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag))
        for tag in ["reward/moving_average", "error/translation_mm"]
    ]
    start = plugin_data_pb2.SessionStartInfo(start_time_secs=1000.5)
    for name, value in types.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, float):
            start.hparams[name].number_value = value
        else:
            start.hparams[name].string_value = value
    experiment = api_pb2.Experiment(time_created_secs=1000.5, hparam_infos=infos, metric_infos=metrics)
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=1002.0)
    return [
        START,
        plugin(1000.5, metadata.EXPERIMENT_TAG, experiment=experiment),
        plugin(1000.5, metadata.SESSION_START_INFO_TAG, session_start_info=start),
        image(1001.25, 10, "images/start", jpeg),
        plugin(1002.0, metadata.SESSION_END_INFO_TAG, session_end_info=end),
    ]


def write(name, events):
    with open(FOLDER / name, "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())
        writer.flush()


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    write(
        "events.out.tfevents.fixture",
        [
            START,
            scalars(1001.25, 1, [("reward/trial", 0.948), ("error/translation_mm", 5.25)]),
            scalars(1002.0, 150, [("reward/trial", 0.97)]),
        ],
    )
    if len(sys.argv) > 1:
        events = [Event.FromString(raw) for raw in RawEventFileLoader(sys.argv[1]).Load()]
        values = [value for event in events for value in event.summary.value]
        jpegs = [value.image.encoded_image_string for value in values if value.HasField("image")]
        write("events.out.tfevents.hyperparameters", hyperparameters(jpegs[0]))


if __name__ == "__main__":
    main()
