"""The Python of the documents runs as it stands there."""

from __future__ import annotations

import re
import shutil
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT as ALLOW_TOP_LEVEL_AWAIT
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: What a reader's first trial of a block costs is too long for a test: trials and laboratories are fewer here.
SHORTER = [
    ('"trials": 60', '"trials": 3'),
    ('"trials": 40', '"trials": 3'),
    ('"trials": 30', '"trials": 3'),
    ("range(3)", "range(1)"),
    ("evaluate(run, 20)", "evaluate(run, 2)"),
    ('["trial"] > 50', '["trial"] > 0'),
    ("[7]", "[2]"),
    ("model.learn(20)", "model.learn(10)"),
]

#: Blocks that need what a test does not have, by the number of the block.
NOT_RUN = {
    ("docs/python/runs-and-policies.md", 2): "names of the reader's",
    ("docs/python/transfers.md", 2): "the reader's dashboard",
    ("docs/python/transfers.md", 3): "the reader's inventory",
    ("docs/python/transfers.md", 4): "the reader's deck",
    ("docs/python/transfers.md", 5): "the reader's plate",
    ("docs/python/viewing.md", 1): "opens a window",
}

PAGES = [
    "README.md",
    "docs/tutorials/engineer.md",
    "docs/tutorials/researcher.md",
    "docs/python/runs-and-policies.md",
    "docs/python/transfers.md",
    "docs/python/viewing.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    shutil.copytree(REPOSITORY / "configs", tmp_path / "configs")
    names: dict[str, Any] = {}
    blocks = BLOCK.findall((REPOSITORY / page).read_text(encoding="utf-8"))
    assert blocks, f"{page} has no Python"
    for number, block in enumerate(blocks, 1):
        if (page, number) in NOT_RUN:
            compile(block, page, "exec", flags=ALLOW_TOP_LEVEL_AWAIT)
            continue
        for long, short in SHORTER:
            block = block.replace(long, short)
        exec(compile(block, f"{page}, block {number}", "exec"), names)  # noqa: S102
