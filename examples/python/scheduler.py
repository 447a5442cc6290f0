"""A small schedule: two plates are read one after the other, each without its lid.

Start it with ``python examples/python/scheduler.py configs/laboratory.toml``.
"""

import sys
import time

from rmrl_robot.cells import Cell


def read(plate: str) -> str:
    """Stands in for the reader's driver."""
    time.sleep(0.1)
    return f"{plate} was read"


with Cell.open(sys.argv[1]) as cell:
    for plate in ("plate-1", "plate-2"):
        # Everything raises where it is not done: nothing goes on with a plate that is elsewhere.
        place = cell.inventory().place_of(plate) or sys.exit(f"nobody knows where {plate} is")
        if place != "bench":
            cell.transfer(place, "bench", check=True)
        lidded = cell.inventory()["bench"][-1].has_lid
        if lidded:
            cell.transfer("bench", "lid-park", lid=True, check=True)
        report = cell.transfer("bench", "reader", check=True)
        off = report.error
        print(f"{plate}: {off.distance_mm:.2f} ±{off.interval_mm:.2f} mm off ({off.known_by})")
        print(read(plate))
        cell.transfer("reader", "bench", check=True)
        if lidded:
            cell.transfer("lid-park", "bench", check=True)
        cell.transfer("bench", place, check=True, on_event=lambda event: print(event["event"]))
