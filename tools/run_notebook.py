"""Runs a notebook from its first cell to its last and writes it with its outputs.

    pip install rmrl-robot matplotlib nbclient ipykernel
    python tools/run_notebook.py docs/python/paper_figure.ipynb [--out FILE.ipynb]

Without ``--out`` the notebook itself is written. Exits with 1 if a cell fails, and prints its error.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--out", type=Path, help="default: the notebook itself")
    parser.add_argument("--timeout", type=float, default=1800.0, help="of a cell, in seconds")
    arguments = parser.parse_args()
    notebook = nbformat.read(arguments.notebook, as_version=4)
    client = NotebookClient(notebook, timeout=arguments.timeout, record_timing=False)
    began = time.monotonic()
    try:
        client.execute(cwd=str(arguments.notebook.parent))
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    # The version of the Python that ran it says nothing about the notebook.
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, arguments.out or arguments.notebook)
    print(f"{arguments.notebook} took {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
