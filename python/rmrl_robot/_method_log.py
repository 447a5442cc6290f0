"""The log of ``RoleModelRL``: a directory with every trial, from which an interrupted ``learn`` resumes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
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
            found = _header(path)
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
        size = sum(len(line.encode("utf-8", "surrogateescape")) + 1 for line in self._lines)
        # The bytes of the file, and the number of entries in them.
        self._written = (size, 0)
        self._is_writing = False
        # Those that may not be written yet, because the disk was full or Ctrl-C came, say.
        self._entries: list[_Entry] = []

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
                    line["reward"] = float(line["reward"])
            except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
                raise ValueError(
                    f"line {number} of {self.directory / TRIALS} is damaged: {type(error).__name__}: {error}"
                ) from error
            read.append(line)
        return read

    def trial(
        self,
        record: Mapping[str, Any],
        image: npt.NDArray[np.uint8] | None,
        features: npt.NDArray[np.float32],
    ) -> None:
        """Adds a trial. The same trial once more only writes what is not written yet."""
        number = int(record["trial"])
        if not any(entry.trial == number for entry in self._entries):
            name = None if image is None else f"images/{number:06}.npy"
            line = {**record, "image": name, "features": [float(one) for one in features]}
            self._add(line, number, None if name is None else (name, image))
        self._write_entries()

    def end(self, trial: int, is_early: bool) -> None:
        """Notes that a ``learn`` has ended after ``trial``, with all its trials or early."""
        self._add({"end": trial, "early": True} if is_early else {"end": trial}, None, None)
        self._write_entries()

    def _add(self, line: Mapping[str, Any], trial: int | None, image: Any) -> None:
        data = (json.dumps(line, allow_nan=False) + "\n").encode("utf-8")
        latest = self._entries[-1].number if self._entries else self._written[1]
        self._entries.append(_Entry(latest + 1, data, trial, image))

    def _write_entries(self) -> None:
        size, number = self._written
        entries = [entry for entry in self._entries if entry.number > number]
        if not entries:
            return
        path = self.directory / TRIALS
        found = path.stat().st_size if path.exists() else 0
        if found != size and not self._is_writing:
            raise RuntimeError(
                f"{path} has {found} bytes where this model wrote {size}: another model writes to it, too; make this model "
                "again, with the log or with another one"
            )
        for entry in entries:
            if entry.image is not None:
                self._write_image(*entry.image)
        data = b"".join(entry.data for entry in entries)
        self._is_writing = True
        with open(path, "r+b" if path.exists() else "wb") as file:
            file.truncate(size)
            file.seek(size)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # At once, because Ctrl-C may come between two statements.
        self._written = (size + len(data), entries[-1].number)
        self._is_writing = False
        # The last one stays, to know it again.
        del self._entries[:-1]

    def _write_image(self, name: str, image: npt.NDArray[np.uint8]) -> None:
        (self.directory / name).parent.mkdir(exist_ok=True)
        with open(self.directory / name, "wb") as file:
            np.save(file, image)
            file.flush()
            os.fsync(file.fileno())


@dataclass(frozen=True)
class _Entry:
    """A line on its way to the disk, counted from 1, with its image's name and pixels."""

    number: int
    data: bytes
    trial: int | None
    image: tuple[str, npt.NDArray[np.uint8]] | None


def _header(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
        reason = f"a {type(found).__name__}"
    except (ValueError, RecursionError) as error:
        reason = str(error)
    raise ValueError(
        f"{path} is no header of a log ({reason}); expected an object: give another directory"
    )


def _whole_lines(path: Path) -> list[str]:
    """The lines of a file, which loses an incomplete last one."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with open(path, "r+b") as file:
            file.truncate(len(whole))
    return whole.decode("utf-8", "surrogateescape").split("\n")[:-1]


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
