"""PyLabRobot's resource tree follows what a cell does, and labware comes from PyLabRobot's plates."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, final

import pytest
from laboratories import SIMULATED, at, copied

from rmrl_robot.cells import Cell
from rmrl_robot.errors import ConfigurationError, TransferNotDone, TransferRefused
from rmrl_robot.labware import Labware
from rmrl_robot.pylabrobot import TransferArm

resources = pytest.importorskip("pylabrobot.resources")


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a laboratory that has learned where its camera sees plates; both plates are in the hotel."""
    folder = tmp_path_factory.mktemp("learned") / "inventory"
    with Cell.open(SIMULATED, at(folder)) as cell:
        cell.transfer("hotel:1", "reader", check=True)
        cell.transfer("reader", "hotel:1", check=True)
    return folder


def plate(name: str, *, lid: bool = False, **fields: Any) -> Any:
    """A plate of ANSI/SLAS dimensions."""
    cover = resources.Lid(f"{name}_lid", 127.0, 85.0, 8.9, 7.6) if lid else None
    sizes = {"size_x": 127.76, "size_y": 85.48, "size_z": 14.35, **fields}
    return resources.Plate(name=name, ordered_items={}, lid=cover, **sizes)


@final
class Laboratory:
    """An arm with the resources of ``configs/laboratory.toml``: a stack on the bench, and holders that are made elsewhere."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.hotel = resources.ResourceHolder("upper hotel", 127.76, 85.48, 0)
        self.bench = resources.ResourceStack("bench stack", "z")
        sites = {"hotel:1": self.hotel, "bench": self.bench}
        items = {"assay 1": "plate-1"}
        self.arm = TransferArm(SIMULATED, sites, items=items, values=values)
        self.plate, self.lidded = plate("assay 1"), plate("plate-2", lid=True)
        self.lid = self.lidded.lid

    async def __aenter__(self) -> Laboratory:
        await self.arm.setup()
        self.hotel.assign_child_resource(self.plate)
        self.arm.sites["hotel:2"].assign_child_resource(self.lidded)
        assert self.arm.differences() == []
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.arm.stop()

    def tree(self) -> list[dict[str, Any]]:
        """Everything that the tree says."""
        return [holder.serialize() for holder in (*self.arm.sites.values(), self.arm.jaws)]


def run(values: dict[str, Any], work: Callable[[Laboratory], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Laboratory(values) as laboratory:
            await work(laboratory)

    asyncio.run(main())


def test_the_tree_follows_plates_lids_and_stacks(learned: Path, tmp_path: Path) -> None:
    async def work(laboratory: Laboratory) -> None:
        arm, lidded, lid = laboratory.arm, laboratory.lidded, laboratory.lid
        events: list[str] = []
        reader, park = arm.sites["reader"], arm.sites["lid-park"]
        told = lambda event: events.append(event["event"])
        report = await arm.transfer(laboratory.plate, reader, on_event=told)
        assert report.ok and report.item == "plate-1" and laboratory.plate.parent is reader
        await asyncio.sleep(0)
        assert events[0] == "begins" and events[-1] == "ended"
        for source, target, parent in [
            (lidded, laboratory.bench, laboratory.bench),
            (lid, park, park),
            (laboratory.plate, laboratory.hotel, laboratory.hotel),
            (lidded, reader, reader),
            (lid, lidded, lidded),
            (lid, park, park),
            # A lid that comes to a holder with a plate is put onto that plate.
            (lid, reader, lidded),
            (lidded, arm.sites["hotel:2"], arm.sites["hotel:2"]),
        ]:
            await arm.transfer(source, target)
            assert source.parent is parent
            assert arm.differences() == []
        assert lidded.lid is lid and arm.uncertain == {}

    run(copied(learned, tmp_path), work)


def test_a_stack_of_plates_is_a_stack_in_the_tree(learned: Path, tmp_path: Path) -> None:
    async def work(laboratory: Laboratory) -> None:
        arm = laboratory.arm
        upper = plate("plate-3")
        await asyncio.to_thread(arm.cell.place, "plate-3=96-well", "bench", reason="loaded")
        laboratory.bench.assign_child_resource(upper)
        assert arm.differences() == []
        # Nothing of it is in the simulation, so the camera does not find it.
        with pytest.raises(TransferNotDone):
            await arm.transfer(upper, arm.sites["reader"])
        assert "plate-3" in arm.uncertain and upper.parent is None
        await arm.settle(upper, None, reason="it never was there")
        assert arm.uncertain == {} and arm.differences() == []

    run(copied(learned, tmp_path), work)


def test_what_is_refused_leaves_the_tree_as_it_was(learned: Path, tmp_path: Path) -> None:
    async def work(laboratory: Laboratory) -> None:
        arm = laboratory.arm
        elsewhere = resources.ResourceHolder("another robot's", 127.76, 85.48, 0)
        before = laboratory.tree()
        for source, target, kind in [
            (laboratory.plate, arm.sites["hotel:2"], "full"),
            (laboratory.plate, arm.sites["lid-park"], "wrong_labware"),
            (laboratory.plate, elsewhere, "no_such_slot"),
            (plate("stranger"), arm.sites["reader"], "not_there"),
            (laboratory.lid, laboratory.plate, "loose_lid"),
        ]:
            with pytest.raises(TransferRefused) as refused:
                await arm.transfer(source, target)
            assert refused.value.kind == kind, refused.value
            assert laboratory.tree() == before
        # The tree says other than the inventory: nobody knows which of them is right.
        other = plate("plate-9")
        laboratory.plate.unassign()
        laboratory.hotel.assign_child_resource(other)
        with pytest.raises(TransferRefused) as refused:
            await arm.transfer(other, arm.sites["reader"])
        assert refused.value.kind == "other_item" and "plate-1" in str(refused.value)
        laboratory.lid.unassign()
        with pytest.raises(TransferRefused, match=r"plate-2\+lid"):
            await arm.transfer(laboratory.lidded, arm.sites["reader"])
        assert len(arm.differences()) == 2

    run(copied(learned, tmp_path), work)


def check_tree_and_inventory(laboratory: Laboratory) -> None:
    """The plate is where the inventory has it; or it is marked, where nobody knows it."""
    arm, resource = laboratory.arm, laboratory.plate
    inventory = arm.cell.inventory()
    assert inventory.moving is None
    assert arm.differences() == []
    if inventory.jaws is not None:
        assert resource.parent is arm.jaws and arm.uncertain == {}
    elif inventory.uncertain is not None:
        assert resource.parent is None
        assert arm.uncertain["assay 1"].places == inventory.uncertain.places
        if hasattr(resource, "metadata"):
            assert resource.metadata["rmrl_uncertain"]["reason"] == inventory.uncertain.reason


@pytest.mark.parametrize("event", ["begins", "moves", "grasped"])
def test_after_a_stop_the_tree_says_where_the_plate_is(
    learned: Path, tmp_path: Path, event: str
) -> None:
    async def work(laboratory: Laboratory) -> None:
        arm = laboratory.arm
        halting: list[asyncio.Task[None]] = []

        def told(one: dict[str, Any]) -> None:
            if one["event"] == event:
                halting.append(asyncio.ensure_future(arm.halt()))

        with pytest.raises(TransferNotDone) as raised:
            await arm.transfer(laboratory.plate, arm.sites["reader"], on_event=told)
        await asyncio.gather(*halting)
        assert not raised.value.report.ok and "halt" in str(raised.value)
        check_tree_and_inventory(laboratory)

    run(copied(learned, tmp_path), work)


def test_a_cancelled_transfer_stops_the_arm_and_the_tree_is_right(
    learned: Path, tmp_path: Path
) -> None:
    async def work(laboratory: Laboratory) -> None:
        arm = laboratory.arm
        told = lambda event: event["event"] == "moves" and task.cancel()
        reader = arm.sites["reader"]
        task = asyncio.ensure_future(arm.transfer(laboratory.plate, reader, on_event=told))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert arm.cell.stopped == "stopped by a task that was cancelled"
        assert arm.cell.under_way is None
        check_tree_and_inventory(laboratory)

    run(copied(learned, tmp_path), work)


def test_transfers_of_one_arm_wait_for_each_other(learned: Path, tmp_path: Path) -> None:
    async def work(laboratory: Laboratory) -> None:
        arm = laboratory.arm
        reports = await asyncio.gather(
            arm.transfer(laboratory.plate, arm.sites["reader"]),
            arm.transfer(laboratory.lidded, laboratory.bench),
        )
        assert all(report.ok for report in reports) and arm.differences() == []

    run(copied(learned, tmp_path), work)


def test_the_tree_is_declared_to_the_inventory(learned: Path, tmp_path: Path) -> None:
    async def work(laboratory: Laboratory) -> None:
        arm = laboratory.arm
        # Somebody exchanges both plates, as the tree says.
        laboratory.plate.unassign()
        laboratory.lidded.unassign()
        laboratory.hotel.assign_child_resource(laboratory.lidded)
        arm.sites["hotel:2"].assign_child_resource(laboratory.plate)
        assert len(arm.differences()) == 2
        with pytest.raises(KeyError, match="assay 1"):
            await arm.declare({"plate-2": "96-well-with-lid"}, reason="exchanged")
        names = {"assay 1": "96-well", "plate-2": "96-well-with-lid"}
        inventory = await arm.declare(names, reason="exchanged")
        assert [str(item) for item in inventory["hotel:1"] or ()] == [
            "plate-2=96-well-with-lid+lid"
        ]
        assert arm.differences() == []

    run(copied(learned, tmp_path), work)


def test_unknown_slots_and_a_closed_cell_are_said(learned: Path, tmp_path: Path) -> None:
    values = copied(learned, tmp_path)

    async def main() -> None:
        arm = TransferArm(
            SIMULATED, {"fridge": resources.ResourceHolder("f", 1, 1, 1)}, values=values
        )
        with pytest.raises(Exception, match="setup"):
            await arm.transfer(plate("plate-1"), arm.jaws)
        with pytest.raises(ValueError, match="fridge; the cell has bench"):
            await arm.setup()
        # A cell that is given open stays open.
        cell = await asyncio.to_thread(Cell.open, SIMULATED, values)
        arm = TransferArm(cell)
        await arm.setup()
        await arm.stop()
        assert not cell.is_closed
        cell.close()

    asyncio.run(main())


def test_labware_comes_from_a_plate_its_json_or_its_file(learned: Path, tmp_path: Path) -> None:
    lidded = plate("plate 7", lid=True, model="Cor 96/360", size_z=14.2, stacking_z_height=12.5)
    labware = Labware.from_pylabrobot(lidded)
    assert labware.name == "Cor-96-360" and labware.lid is not None
    assert (labware.height_m, labware.stacking_height_m) == (0.0142, 0.0125)
    assert (labware.grip.width_m, labware.lid.nesting_m) == (0.08548, 0.0076)
    (tmp_path / "plate.json").write_text(json.dumps(lidded.serialize()))
    for same in (lidded.serialize(), str(tmp_path / "plate.json"), tmp_path / "plate.json"):
        assert Labware.from_pylabrobot(same) == labware
    by_length = Labware.from_pylabrobot(lidded, name="long", side="length", grip_height_m=0.003)
    assert (by_length.name, by_length.grip.width_m) == ("long", 0.12776)

    # A cell proves transfers of it, whether it comes by values or from the file.
    values = {**copied(learned, tmp_path / "values"), **labware.values()}
    with Cell.open(SIMULATED, values) as cell:
        cell.place(f"plate-7={labware.name}+lid", "bench", reason="loaded")
        with pytest.raises(TransferRefused) as refused:
            cell.rehearse("bench", "reader")
        assert refused.value.kind == "wrong_labware"
    text = SIMULATED.read_text() + "\n" + labware.to_toml()
    text = text.replace('labware = ["96-well", ', f'labware = ["{labware.name}", "96-well", ')
    (tmp_path / "laboratory.toml").write_text(text)
    with Cell.open(tmp_path / "laboratory.toml", copied(learned, tmp_path / "file")) as cell:
        cell.place(f"plate-7={labware.name}+lid", "bench", reason="loaded")
        assert any("jaws close" in line for line in cell.rehearse("bench", "reader"))


def test_what_is_no_plate_is_refused_with_the_key(tmp_path: Path) -> None:
    good = plate("p").serialize()
    for wrong, words in [
        ({**good, "size_z": None}, "size_z"),
        ({**good, "size_x": "127"}, 'size_x is "127"'),
        ({**good, "size_y": float("nan")}, "not finite"),
        ({**good, "size_y": 200.0}, "long side"),
        ({**good, "category": "tip_rack"}, "category"),
        (resources.Lid("a lid", 127.0, 85.0, 8.9, 7.6), "a lid"),
    ]:
        with pytest.raises(ConfigurationError, match=words):
            Labware.from_pylabrobot(wrong)
    with pytest.raises(ConfigurationError, match="width"):
        Labware.from_pylabrobot(good, side="height")
    with pytest.raises(TypeError, match="int"):
        Labware.from_pylabrobot(7)
