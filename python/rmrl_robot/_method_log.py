"""The log of ``RoleModelRL``: a directory with every trial, from which an interrupted ``learn`` resumes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT = 1
HEADER = "method.json"
TRIALS = "trials.jsonl"


class MethodLog:
    """Keeps trials as JSON lines, and images as ``.npy`` files beside them.

    A line is on disk before the next trial begins. Only the last line can be incomplete; it is dropped.
    """

    def __init__(self, directory: str | os.PathLike[str], header: Mapping[str, Any]) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        expected = {"format": FORMAT, **header}
        path = self.directory / HEADER
        if path.exists():
            found = json.loads(path.read_text())
            for key in sorted({*expected, *found}):
                one, other = found.get(key), json.loads(json.dumps(expected.get(key)))
                if one != other:
                    raise ValueError(
                        f"{path} is the log of another model: its {key} is {one!r}, this model's is {other!r}; "
                        "give another directory, or the same arguments"
                    )
        else:
            _write(path, json.dumps(expected, indent=1) + "\n")
        self._lines = _whole_lines(self.directory / TRIALS)
        self._size = sum(len(line.encode("utf-8")) + 1 for line in self._lines)
        # What could not be written yet, because the disk was full, say.
        self._unwritten = b""

    def read(self) -> list[dict[str, Any]]:
        """The lines: trials, with their images and features as arrays, and the ends of ``learn``.

        Raises:
            ValueError: A line is damaged; the message names it.
        """
        read = []
        for number, text in enumerate(self._lines, start=1):
            try:
                line: dict[str, Any] = json.loads(text)
                if "end" not in line:
                    line["features"] = np.array(line["features"], dtype=np.float32)
                    name = line["image"]
                    line["image"] = None if name is None else np.load(self.directory / name)
            except (ValueError, KeyError, OSError) as error:
                raise ValueError(f"line {number} of {self.directory / TRIALS}: {error}") from error
            read.append(line)
        return read

    def trial(
        self,
        record: Mapping[str, Any],
        image: npt.NDArray[np.uint8] | None,
        features: npt.NDArray[np.float32],
    ) -> None:
        """Adds a trial."""
        name = None
        if image is not None:
            name = f"images/{record['trial']:06}.npy"
            (self.directory / "images").mkdir(exist_ok=True)
            with open(self.directory / name, "wb") as file:
                np.save(file, image)
                file.flush()
                os.fsync(file.fileno())
        self._append({**record, "image": name, "features": [float(one) for one in features]})

    def end(self, trial: int, is_early: bool) -> None:
        """Notes that a ``learn`` has ended after ``trial``, with all its trials or early."""
        self._append({"end": trial, "early": True} if is_early else {"end": trial})

    def _append(self, line: Mapping[str, Any]) -> None:
        self._unwritten += (json.dumps(line, allow_nan=False) + "\n").encode("utf-8")
        path = self.directory / TRIALS
        with open(path, "r+b" if path.exists() else "wb") as file:
            file.truncate(self._size)
            file.seek(self._size)
            file.write(self._unwritten)
            file.flush()
            os.fsync(file.fileno())
        self._size += len(self._unwritten)
        self._unwritten = b""


def _whole_lines(path: Path) -> list[str]:
    """The lines of a file, which loses an incomplete last one."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with open(path, "r+b") as file:
            file.truncate(len(whole))
    return whole.decode("utf-8").split("\n")[:-1]


def _write(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file as a whole, or not at all."""
    new = path.with_name(path.name + ".new")
    with open(new, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
