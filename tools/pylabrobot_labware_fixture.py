#!/usr/bin/env python3
"""Writes plates as PyLabRobot's `serialize()` gives them: the fixtures of crates/rmrl-labware.

    pip install pylabrobot==0.2.2      # and again with 1.0.0b1
    python3 tools/pylabrobot_labware_fixture.py crates/rmrl-labware/tests/fixtures

The sizes are those of PyLabRobot's definitions; each plate has two wells only, so that the files stay small.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

from pylabrobot.resources import Lid, Plate, Well, create_ordered_items_2d


def wells(depth):
    return create_ordered_items_2d(
        Well,
        num_items_x=2,
        num_items_y=1,
        dx=10.87,
        dy=7.77,
        dz=3.03,
        item_dx=9,
        item_dy=9,
        size_x=6.86,
        size_y=6.86,
        size_z=depth,
    )


def plates():
    """By file name: flat without a lid, flat with a lid, and a deep well plate that says how high it stacks."""
    sides = {"size_x": 127.76, "size_y": 85.48}
    flat = Plate(
        "assay_1", **sides, size_z=14.2, ordered_items=wells(10.67), model="Cor_96_wellplate_360ul_Fb"
    )
    lid = Lid("assay_2_lid", **sides, size_z=8.9, nesting_z_height=7.6)
    lidded = Plate("assay_2", **sides, size_z=14.2, ordered_items=wells(10.67), lid=lid)
    deep = Plate("deep_1", **sides, size_z=44.1, ordered_items=wells(41.2), stacking_z_height=42.0)
    return {"plate": flat, "lidded": lidded, "deep": deep}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    major = version("pylabrobot").split(".")
    for name, plate in plates().items():
        text = json.dumps(plate.serialize(), indent=1)
        (folder / f"pylabrobot-{major[0]}.{major[1]}-{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
