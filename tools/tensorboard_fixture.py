#!/usr/bin/env python3
"""Makes the event file that rmrl-data's TensorBoard writer is compared with, byte by byte.

    .venv/bin/python tools/tensorboard_fixture.py
"""

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

FIXTURE = Path(__file__).resolve().parent.parent / "crates/rmrl-data/tests/fixtures/events.out.tfevents.fixture"


def scalars(wall_time, step, values):
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values])
    return Event(wall_time=wall_time, step=step, summary=summary)


def main():
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    with open(FIXTURE, "wb") as file:
        writer = RecordWriter(file)
        for event in [
            Event(wall_time=1000.5, file_version="brain.Event:2"),
            scalars(1001.25, 1, [("reward/trial", 0.948), ("error/translation_mm", 5.25)]),
            scalars(1002.0, 150, [("reward/trial", 0.97)]),
        ]:
            writer.write(event.SerializeToString())
        writer.flush()


if __name__ == "__main__":
    main()
