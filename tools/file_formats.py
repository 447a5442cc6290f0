#!/usr/bin/env python3
"""The tables of docs/file-formats.md, made from docs/schemas, and files held against the schemas.

python tools/file_formats.py --write              writes the tables into the page
python tools/file_formats.py FOLDER [FOLDER ...]  checks the page, and the files of runs and
                                                  inventories; needs the package jsonschema
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/file-formats.md"
SCHEMAS = ROOT / "docs/schemas"

# Files of a folder, by pattern, with their schema and how they are read.
FILES = [
    ("trials.jsonl", "trial", "lines"),
    ("simulator.jsonl", "world", "lines"),
    ("target.json", "target", "json"),
    ("run.json", "run", "json"),
    ("camera.toml", "camera", "toml"),
    ("belief.json", "belief", "json"),
    ("policy.safetensors", "policy", "safetensors"),
    ("pretrained.safetensors", "policy", "safetensors"),
    ("checkpoints/*.safetensors", "checkpoint", "safetensors"),
    ("journal-*.jsonl", "inventory-event", "lines"),
    ("snapshot.json", "inventory-snapshot", "json"),
    ("transfers.jsonl", "transfer", "lines"),
    ("knowledge.json", "knowledge", "json"),
    ("policies.json", "policies", "json"),
    ("simulated-laboratory.json", "simulated-laboratory", "json"),
]

Schema = dict[str, Any]


def load(name: str) -> Schema:
    """A schema by its name."""
    schema: Schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    return schema


# The tables.


def kind(schema: Schema, root: Schema) -> str:
    """What a value is, in a few words."""
    if "$ref" in schema:
        defined = str(schema["$ref"]).rsplit("/", 1)[1]
        target = root["$defs"][defined]
        return defined if target.get("type") == "object" else kind(target, root)
    if "const" in schema:
        return (
            "list of names"
            if isinstance(schema["const"], list)
            else f"`{json.dumps(schema['const'])}`"
        )
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(one, root) for one in schema["anyOf"]))
    name: str = schema["type"]
    if name == "array":
        least, most = schema.get("minItems"), schema.get("maxItems")
        count = f" of {least}" if least == most and least else ""
        return f"list{count}: {kind(schema['items'], root)}"
    return {"string": "text", "null": "null"}.get(name, name) + limits(schema)


def limits(schema: Schema) -> str:
    """The range of a number, in words."""
    low, high = schema.get("minimum"), schema.get("maximum")
    parts = []
    if "exclusiveMinimum" in schema:
        parts.append(f"above {schema['exclusiveMinimum']}")
    elif low is not None and high is not None:
        return f" from {low} to {high}"
    elif low is not None:
        parts.append(f"{low} or more")
    if "exclusiveMaximum" in schema:
        parts.append(f"below {schema['exclusiveMaximum']}")
    elif high is not None:
        parts.append(f"{high} or less")
    return "".join(f", {part}" for part in parts)


def rows(schema: Schema, root: Schema, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Key, kind and description of all that a schema has."""
    for key, value in schema.get("properties", {}).items():
        name = f"{prefix}{key}"
        may_lack = "" if key in schema.get("required", []) else " *may be absent*"
        yield name, kind(value, root) + may_lack, value["description"]
        yield from inner_rows(value, root, name)


def inner_rows(value: Schema, root: Schema, name: str) -> Iterator[tuple[str, str, str]]:
    """The rows of what is within a value; named definitions have a table of their own."""
    if "$ref" in value:
        return
    for one in value.get("anyOf", []):
        yield from inner_rows(one, root, name)
    if value.get("type") == "array":
        yield from inner_rows(value["items"], root, f"{name}[]")
    if isinstance(value.get("additionalProperties"), dict):
        yield from inner_rows(value["additionalProperties"], root, f"{name}.*")
    yield from rows(value, root, f"{name}.")


def table(name: str) -> str:
    """The tables of a schema, as Markdown."""
    root = load(name)
    found: dict[tuple[str, str], str] = {}
    parts = [(root, "")] + [(d, f"{n}: ") for n, d in root.get("$defs", {}).items()]
    for part, prefix in parts:
        if prefix and part["type"] != "object":
            found.setdefault((prefix.rstrip(": "), kind(part, root)), part["description"])
        for key, what, description in (
            [*inner_rows(part, root, "")] if part is root else [*rows(part, root, "")]
        ):
            found.setdefault((prefix + key.lstrip("."), what), description)
    lines = [f"[Schema](schemas/{name}.json).", "", "| key | type | |", "|-|-|-|"]
    for (key, what), description in found.items():
        lines.append(f"| {shown(key)} | {what} | {description} |".replace("  ", " "))
    return "\n".join(lines)


def shown(key: str) -> str:
    """A key as code, with the name of its definition before it."""
    name, _, rest = key.rpartition(": ")
    return f"{name}: `{rest}`" if name else f"`{rest}`"


def with_tables(page: str) -> str:
    """The page with its tables made again."""

    def made(match: re.Match[str]) -> str:
        return f"<!-- table {match[1]} -->\n\n{table(match[1])}\n\n<!-- end -->"

    return re.sub(r"<!-- table ([a-z-]+) -->.*?<!-- end -->", made, page, flags=re.DOTALL)


# Files.


def values(path: Path, how: str) -> Iterator[tuple[str, Any]]:
    """What a file says, part by part, with a name for each."""
    if how == "lines":
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            yield f"{path}, line {number}", json.loads(line)
    elif how == "toml":
        yield str(path), json.loads(json.dumps(tomllib.loads(path.read_text()), default=str))
    elif how == "safetensors":
        content = path.read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        yield str(path), json.loads(header["__metadata__"]["rmrl"])
    else:
        yield str(path), json.loads(path.read_text())


CRC_TABLE: list[int] = []
for number in range(256):
    for _ in range(8):
        number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
    CRC_TABLE.append(number)


def crc32c(content: bytes, before: int = 0) -> int:
    """CRC-32C of what `before` is of, and `content` after it."""
    value = before ^ 0xFFFFFFFF
    for byte in content:
        value = CRC_TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def check_digests(paths: list[Path]) -> None:
    """Holds the digests of all lines of these files, one after the other, against the lines."""
    chain = 0
    for path in paths:
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            body, _, found = line.rpartition(b',"digest":"')
            chain = crc32c(body + b"}", chain)
            if found != b'%08x"}' % chain:
                raise SystemExit(f"{path}, line {number}: its digest is not {chain:08x}")
    snapshot = paths[-1].parent / "snapshot.json" if paths else None
    if snapshot and paths[-1].name.startswith("journal-") and snapshot.exists():
        check_digests([snapshot])


def check_checkpoints(run: Path) -> None:
    """Holds the log in the checkpoints of a run against its lines."""
    for path in run.glob("checkpoints/*.safetensors"):
        log = next(values(path, "safetensors"))[1]["log"]
        lines = (run / "trials.jsonl").read_bytes().splitlines()
        if log != [crc32c(line) for line in lines[: len(log)]]:
            raise SystemExit(f"{path} was not made from the log beside it")


def check(folders: list[Path]) -> int:
    """Holds all files in folders against their schemas; returns how many parts were checked."""
    from jsonschema import Draft202012Validator

    validators = {}
    for path in SCHEMAS.glob("*.json"):
        schema = load(path.stem)
        Draft202012Validator.check_schema(schema)
        validators[path.stem] = Draft202012Validator(schema)
    checked = dict.fromkeys(validators, 0)
    for folder in folders:
        for inner in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
            check_digests(sorted(inner.glob("journal-*.jsonl")))
            for log in [*inner.glob("trials.jsonl"), *inner.glob("simulator.jsonl")]:
                check_digests([log])
            check_checkpoints(inner)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            for pattern, name, how in FILES:
                if not fnmatch.fnmatch(str(path), f"*/{pattern}"):
                    continue
                for where, value in values(path, how):
                    error = next(iter(validators[name].iter_errors(value)), None)
                    if error is not None:
                        raise SystemExit(f"{where}: {error.json_path}: {error.message[:300]}")
                    checked[name] += 1
    for name, count in sorted(checked.items()):
        print(f"{name}: {count}")
    return sum(checked.values())


def main() -> int:
    """Writes or checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("folders", nargs="*", type=Path)
    arguments = parser.parse_args()
    page = PAGE.read_text()
    if arguments.write:
        PAGE.write_text(with_tables(page))
        return 0
    if with_tables(page) != page:
        raise SystemExit(
            f"{PAGE} has other tables than its schemas; run tools/file_formats.py --write"
        )
    if arguments.folders and check(arguments.folders) == 0:
        raise SystemExit("no file of a run or an inventory was found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
