"""Cells that transfer: the same as the command does, from any thread, and safe however a program ends."""

from __future__ import annotations

import gc
import json
import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from laboratories import EMULATED, ROOT, SIMULATED, at, command, copied, emulated, python

from rmrl_robot.cells import (
    Cell,
    Item,
    Question,
    TransferReport,
    read_inventory,
    set_items,
    settle,
    verify_inventory,
)
from rmrl_robot.errors import (
    CallbackError,
    CellBusyError,
    CellClosedError,
    CellError,
    ConfigurationError,
    TransferNotDone,
    TransferRefused,
)

# A call that is stopped ends within this, in seconds: what is under way in a simulation is some milliseconds of computing.
STOPPED_WITHIN_S = 2.0
MOVES = [
    ("hotel:1", "reader", False),
    ("hotel:2", "bench", False),
    ("bench", "lid-park", True),
    ("bench", "hotel:1", False),
    ("reader", "bench", False),
    ("bench", "reader", False),
    ("hotel:1", "bench", False),
    ("lid-park", "bench", False),
    ("bench", "hotel:2", False),
    ("reader", "hotel:1", False),
]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a laboratory that has learned where its camera sees plates; both plates are in the hotel."""
    folder = tmp_path_factory.mktemp("learned") / "inventory"
    with Cell.open(SIMULATED, at(folder)) as cell:
        cell.transfer("hotel:1", "reader", check=True)
        cell.transfer("reader", "hotel:1", check=True)
    return folder


@pytest.fixture
def cell(learned: Path, tmp_path: Path) -> Iterator[Cell]:
    with Cell.open(SIMULATED, copied(learned, tmp_path)) as cell:
        yield cell


def test_twenty_transfers_are_those_of_the_command(tmp_path: Path) -> None:
    moves = MOVES * 2
    with Cell.open(SIMULATED, at(tmp_path / "python", seed=7)) as cell:
        reports = [cell.transfer(*way[:2], lid=way[2]) for way in moves]
        way = cell.rehearse("hotel:1", "bench")
        inventory = cell.inventory().to_dict()
    assert all(report.ok for report in reports), [str(report) for report in reports]

    # The command in one process after the other, each of which continues where the last one left it.
    words = [
        "--config",
        SIMULATED,
        "--set",
        f"inventory.dir={tmp_path / 'command'}",
        "--set",
        "seed=7",
    ]
    lines = []
    for source, target, lid in moves:
        done = command("cell", "transfer", source, target, *["--lid"] * lid, "--json", *words)
        assert done.returncode == 0, done.stderr
        lines.append(json.loads(done.stdout))
    for line in lines:
        del line["next"]
    assert [report.to_dict() for report in reports] == lines
    shown = command("cell", "transfer", "hotel:1", "bench", "--dry-run", "--json", *words)
    assert way == json.loads(shown.stdout)["way"]
    shown = command("cell", "inventory", "show", "--json", *words)
    answer = json.loads(shown.stdout)
    assert {key: answer[key] for key in ("slots", "jaws", "uncertain", "unknown", "sequence")} == {
        key: inventory[key] for key in ("slots", "jaws", "uncertain", "unknown", "sequence")
    }


def test_a_report_says_how_it_ended() -> None:
    request = {"what": "move", "from": "hotel:1", "to": "reader"}
    answer: dict[str, Any] = {"request": request, "item": "p", "labware": "96-well", "carries": 0}
    error = {
        "known_by": "measured",
        "along_mm": 3.0,
        "across_mm": 4.0,
        "yaw_deg": 0.0,
        "interval_mm": 1.0,
    }
    done = {"ending": "done", "error": error, "corrected_by": {"policy": "new"}}
    for fields, status, words in [
        ({**done, "is_seated": True}, 0, "done"),
        ({**done, "is_seated": False}, 6, "not as exactly"),
        ({"ending": "not_done", "at": "from", "reason": "dark"}, 3, "where it was: dark"),
        (
            {"ending": "not_done", "at": "between", "reason": "x", "by_way_of": "bench"},
            3,
            "in bench",
        ),
        ({"ending": "not_done", "at": "jaws", "reason": "x"}, 4, "in the jaws"),
        ({"ending": "unknown", "reason": "x"}, 5, "nobody knows"),
    ]:
        report = TransferReport.of({**answer, **fields})
        assert (report.exit_status, report.ok) == (status, status == 0)
        assert words in str(report)
        if report.ok:
            assert report.raise_for_status() is report
            continue
        with pytest.raises(TransferNotDone) as raised:
            report.raise_for_status()
        assert raised.value.report is report
        assert pickle.loads(pickle.dumps(raised.value)).report == report
    report = TransferReport.of({**answer, **done, "is_seated": True})
    assert report.error is not None and report.error.distance_mm == 5.0
    assert report.corrected_by == "policy new"


def test_what_cannot_be_is_refused_with_the_reason(cell: Cell) -> None:
    before = cell.inventory()
    for way, kind, words in [
        (("fridge", "reader"), "no_such_slot", ["fridge", "hotel:1 (plate-1)", "reader"]),
        (("hotel:3", "reader"), "no_such_slot", ["1 to 2"]),
        (("Hotel 1", "reader"), "no_such_slot", ["Hotel 1", "hotel:2 (plate-2)"]),
        (("plate-1", "reader"), "no_such_slot", ["hotel:1 (plate-1)"]),
        (("hotel:1", "jaws"), "no_such_slot", ["into the jaws"]),
        (("bench", "reader"), "empty", ["bench is empty"]),
        (("hotel:1", "hotel:2"), "full", ["hotel:2 holds 1"]),
        (("hotel:1", "lid-park"), "wrong_labware", ["96-well-with-lid.lid"]),
        (("jaws", "reader"), "empty", ["jaws"]),
    ]:
        for call in (cell.transfer, cell.rehearse):
            with pytest.raises(TransferRefused) as refused:
                call(*way)
            assert refused.value.kind == kind
            assert all(word in str(refused.value) for word in words), refused.value
        assert pickle.loads(pickle.dumps(refused.value)).kind == kind
    assert cell.inventory() == before


def test_a_lid_without_a_plate_is_refused(cell: Cell) -> None:
    for way in [("hotel:1", "lid-park"), ("jaws", "lid-park")]:
        with pytest.raises(TransferRefused) as refused:
            cell.transfer(*way, lid=True)
        assert refused.value.kind == "no_lid"


def test_invalid_arguments_say_what_was_expected(cell: Cell, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no site"):
        Cell.open(ROOT / "configs" / "table.toml", at(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="fridge"):
        Cell.open(SIMULATED, {"sites.fridge.x_m": 0.1})
    with pytest.raises(ConfigurationError, match="missing.toml"):
        Cell.open(tmp_path / "missing.toml")
    with pytest.raises(TypeError, match="operator is a int"):
        Cell.open(SIMULATED, operator=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on_event is a str"):
        cell.transfer("hotel:1", "reader", on_event="print")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="list of items"):
        cell.set_items("bench", "plate-3=96-well", reason="loaded")
    with pytest.raises(ValueError, match="1 to 10000"):
        cell.run_protocol(ROOT / "configs" / "read-a-plate.toml", chains=0)
    with pytest.raises(TransferRefused, match="ID=LABWARE"):
        cell.set_items("bench", ["plate-3"], reason="loaded")
    with pytest.raises(TransferRefused, match="960-well"):
        cell.set_items("bench", ["plate-3=960-well"], reason="loaded")
    with pytest.raises(TransferRefused, match="reason"):
        cell.set_items("bench", ["plate-3=96-well"], reason="")


def test_events_come_in_order_and_in_the_thread_of_the_call(cell: Cell) -> None:
    events: list[dict[str, Any]] = []
    threads = set()

    def note(event: dict[str, Any]) -> None:
        events.append(event)
        threads.add(threading.get_ident())

    cell.transfer("hotel:1", "reader", on_event=note, check=True)
    names = [event["event"] for event in events]
    assert names == ["begins", "moves", "grasped", "released", "looks", "ended"], names
    assert threads == {threading.get_ident()}
    assert {event["item"] for event in events} == {"plate-1"}
    assert events[1]["from"] == "hotel:1" and events[1]["to"] == events[3]["at"] == "reader"
    assert events[0]["request"]["what"] == "move" and events[-1]["ending"] == "done"


def test_a_callback_that_raises_stops_nothing_and_is_heard(cell: Cell) -> None:
    calls = []

    def raises(event: dict[str, Any]) -> None:
        calls.append(event["event"])
        raise LookupError("no such dashboard")

    with pytest.raises(CallbackError, match="no such dashboard") as raised:
        cell.transfer("hotel:1", "reader", on_event=raises)
    assert isinstance(raised.value.__cause__, LookupError)
    assert raised.value.report.ok and calls == ["begins"]
    assert cell.inventory()["reader"] == (Item("plate-1", "96-well"),)
    assert cell.transfer("reader", "hotel:1").ok


def test_a_second_call_is_busy_or_waits(cell: Cell) -> None:
    moves, ended = threading.Event(), []

    def first() -> None:
        ended.append(cell.transfer("hotel:1", "reader", on_event=lambda event: moves.set()))

    thread = threading.Thread(target=first)
    thread.start()
    assert moves.wait(30)
    began = time.monotonic()
    with pytest.raises(CellBusyError, match="from hotel:1 to reader is under way"):
        cell.transfer("hotel:2", "bench")
    assert time.monotonic() - began < 0.5
    assert cell.inventory() is not None and cell.under_way is not None
    # Those who wait come in the order in which they asked.
    second = cell.transfer("hotel:2", "bench", wait=True)
    assert ended and ended[0].ok and second.ok
    thread.join()
    assert cell.under_way is None


def test_many_threads_use_a_cell_until_another_one_closes_it(learned: Path, tmp_path: Path) -> None:
    cell = Cell.open(SIMULATED, copied(learned, tmp_path))
    done: list[TransferReport] = []
    kinds: set[str] = set()

    def work(number: int) -> None:
        while True:
            source = cell.inventory().place_of("plate-1")
            target = "bench" if source == "reader" else "reader"
            assert repr(cell) and cell.slots and cell.stopped is None
            try:
                done.append(cell.transfer(source or "jaws", target, wait=number % 2 == 0))
            except (CellError, TransferRefused) as error:
                kinds.add(error.kind)
                if error.kind == "closed":
                    return

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while len(done) < 3:
        time.sleep(0.05)
    cell.close()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert all(report.ok for report in done)
    assert {"busy", "closed"} <= kinds <= {"busy", "closed", "empty", "already_there"}
    assert cell.inventory().uncertain is None and cell.inventory().moving is None


def test_a_callback_cannot_wait_for_itself(cell: Cell) -> None:
    found: list[str] = []

    def calls_again(event: dict[str, Any]) -> None:
        if event["event"] != "begins":
            return
        for call in (lambda: cell.transfer("hotel:2", "bench", wait=True), cell.close):
            try:
                call()
            except CellBusyError as error:
                found.append(error.kind)

    assert cell.transfer("hotel:1", "reader", on_event=calls_again).ok
    assert found == ["busy", "busy"] and not cell.is_closed


def test_a_stop_of_another_thread_ends_a_transfer_at_once(learned: Path, tmp_path: Path) -> None:
    values = copied(learned, tmp_path)
    with Cell.open(SIMULATED, values) as cell:
        stopped_at: list[float] = []

        def stop() -> None:
            assert grasped.wait(30)
            assert cell.stop("the door").is_confirmed
            stopped_at.append(time.monotonic())

        grasped = threading.Event()
        thread = threading.Thread(target=stop)
        thread.start()
        event = {"moves": grasped.set}
        report = cell.transfer(
            "hotel:1", "reader", on_event=lambda one: event.get(one["event"], int)()
        )
        ended_at = time.monotonic()
        thread.join()
        assert ended_at - stopped_at[0] < STOPPED_WITHIN_S
        assert cell.stopped == "stopped by the door"
        if report.ok:
            pytest.skip("the machine was so slow that the transfer had ended before the stop")
        assert "the door" in str(report.reason) and report.exit_status in (3, 4, 5)
        # Nothing moves any more, and that is said.
        again = cell.transfer("hotel:2", "bench") if report.exit_status != 5 else None
        assert again is None or (again.exit_status == 3 and "the door" in str(again.reason))
        with pytest.raises(TransferRefused if again is None else CellError):
            cell.transfer("hotel:2", "bench") if again is None else cell.home()
    # Opened anew, it works where it is known what lies where.
    with Cell.open(SIMULATED, values) as cell:
        inventory = cell.inventory()
        if inventory.jaws is not None:
            assert cell.transfer("jaws", "reader").ok
        elif inventory.uncertain is not None:
            assert (
                inventory.uncertain.item.id == "plate-1"
                and "the door" in inventory.uncertain.reason
            )
        else:
            assert cell.transfer("hotel:1", "reader").ok


def test_what_lies_where_is_said_by_people(cell: Cell, learned: Path, tmp_path: Path) -> None:
    assert cell.inventory()["bench"] == () and cell.slots[0] == "bench"
    inventory = cell.place(Item("plate-3", "384-well"), "bench", reason="loaded", by="a test")
    assert inventory["bench"] == (Item("plate-3", "384-well"),)
    assert cell.place("plate-4=384-well", "bench", reason="loaded")["bench"] is not None
    assert [item.id for item in cell.inventory()["bench"] or ()] == ["plate-3", "plate-4"]
    with pytest.raises(TransferRefused) as refused:
        cell.place("plate-5=384-well", "bench", reason="loaded")
    assert refused.value.kind == "full"
    with pytest.raises(TransferRefused) as refused:
        cell.set_items("reader", ["plate-1=96-well"], reason="a mistake")
    assert refused.value.kind == "two_places"
    cell.remove("plate-3", reason="taken out")
    assert cell.inventory().place_of("plate-4") == "bench"
    with pytest.raises(KeyError, match="plate-1, plate-2, plate-4"):
        cell.remove("plate-3", reason="taken out")
    with pytest.raises(KeyError, match="hotel:1, hotel:2"):
        cell.inventory()["fridge"]
    with pytest.raises(TransferRefused) as refused:
        cell.settle("plate-1", "reader", reason="looked")
    assert refused.value.kind == "not_uncertain"
    # Without the cell it is only read while the cell is open.
    values = {"inventory.dir": cell.inventory().folder}
    assert read_inventory(SIMULATED, values) == cell.inventory()
    with pytest.raises(CellError) as in_use:
        set_items(SIMULATED, "bench", [], reason="emptied", values=values)
    assert in_use.value.kind == "in_use"
    cell.close()
    cell.close()
    emptied = set_items(SIMULATED, "bench", [], reason="emptied", values=values)
    assert emptied["bench"] == () and verify_inventory(SIMULATED, values) == emptied
    with pytest.raises(CellClosedError):
        cell.transfer("hotel:1", "reader")
    with pytest.raises(CellError) as missing:
        read_inventory(SIMULATED, at(tmp_path / "nothing"))
    assert missing.value.kind == "no_inventory"


def test_a_protocol_runs_as_the_command_runs_it(learned: Path, tmp_path: Path) -> None:
    protocol = ROOT / "configs" / "read-a-plate.toml"
    values, events = copied(learned, tmp_path), []
    with Cell.open(SIMULATED, values) as cell:
        cell.transfer("hotel:2", "bench", check=True)
        report = cell.run_protocol(protocol, on_event=lambda event: events.append(event["event"]))
        assert report.ok and report.raise_for_status() is report
        assert events.count("step_begins") == events.count("step_ended") == 5
        assert events[0] == "step_begins" and events[-1] == "step_ended"
        # The plate is in the hotel now: the first step is refused, and said.
        failed = cell.run_protocol(protocol)
        assert not failed.ok and failed.end["step"] == "unlid"
        with pytest.raises(TransferNotDone, match="unlid"):
            cell.run_protocol(protocol, check=True)
        (tmp_path / "wrong.toml").write_text("name = 'x'")
        with pytest.raises(ConfigurationError, match="no steps"):
            cell.run_protocol(tmp_path / "wrong.toml")
    other = copied(learned, tmp_path / "other")
    words = ["--config", SIMULATED, "--set", f"inventory.dir={other['inventory.dir']}"]
    assert command("cell", "transfer", "hotel:2", "bench", *words).returncode == 0
    line = json.loads(command("cell", "protocol", protocol, "--json", *words).stdout)
    del line["next"]
    answer = report.to_dict()
    for chain in (*line["chains"], *answer["chains"]):
        for attempt in chain["attempts"]:
            attempt["seconds"] = 0.0
    assert answer["chains"] == line["chains"]


KILLED = """
import os, signal, sys
from rmrl_robot.cells import Cell
def note(event):
    if event["event"] == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
with Cell.open(sys.argv[1], {"inventory.dir": sys.argv[2]}) as cell:
    cell.transfer("hotel:1", "reader", on_event=note)
"""


def test_after_a_kill_the_next_start_knows_what_is_certain(learned: Path, tmp_path: Path) -> None:
    values = copied(learned, tmp_path)
    killed = python(KILLED, SIMULATED, values["inventory.dir"], "moves")
    killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    moving = read_inventory(SIMULATED, values).moving
    assert moving is not None and (moving.item.id, moving.target) == ("plate-1", "reader")
    with Cell.open(SIMULATED, values) as cell:
        inventory = cell.inventory()
        if moving.phase == "released":
            pytest.skip("the machine was so slow that the plate had been released before the kill")
        assert inventory.uncertain is not None and inventory.uncertain.item.id == "plate-1"
        assert inventory.place_of("plate-1") is None
        with pytest.raises(TransferRefused) as refused:
            cell.transfer("hotel:2", "bench")
        assert refused.value.kind == "uncertain" and "plate-1" in str(refused.value)
        place = inventory.uncertain.places[0]
        assert cell.settle("plate-1", place, reason="looked").uncertain is None
        assert cell.inventory().place_of("plate-1") == place
    settled = values | {"inventory.dir": values["inventory.dir"]}
    with pytest.raises(TransferRefused):
        settle(SIMULATED, "plate-1", None, reason="looked", values=settled)


def test_a_second_process_is_refused(cell: Cell) -> None:
    folder = cell.inventory().folder
    done = command(
        "cell",
        "transfer",
        "hotel:1",
        "reader",
        "--config",
        SIMULATED,
        "--set",
        f"inventory.dir={folder}",
    )
    assert done.returncode == 1 and f"process {os.getpid()}" in done.stderr
    with pytest.raises(CellError) as refused:
        Cell.open(SIMULATED, {"inventory.dir": folder})
    assert refused.value.kind == "in_use" and f"process {os.getpid()}" in str(refused.value)
    assert cell.transfer("hotel:1", "reader").ok


INTERRUPTED = """
import json, os, signal, sys, threading
from rmrl_robot.cells import Cell
how = sys.argv[3]
def note(event):
    if event["event"] == "moves":
        os.kill(os.getpid(), signal.SIGTERM if how == "exit" else signal.SIGINT)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
cell = Cell.open(sys.argv[1], {"inventory.dir": sys.argv[2]})
try:
    cell.transfer("hotel:1", "reader", on_event=note)
except BaseException as error:
    print(json.dumps([type(error).__name__, error.report.exit_status, str(error.report.reason)]))
    print(json.dumps([cell.stopped, cell.under_way]))
    cell.close()
    raise
"""


@pytest.mark.parametrize(("how", "name"), [("Ctrl-C", "KeyboardInterrupt"), ("exit", "SystemExit")])
def test_a_signal_stops_the_arm_and_is_raised_when_it_is_recorded(
    learned: Path, tmp_path: Path, how: str, name: str
) -> None:
    values = copied(learned, tmp_path)
    program = python(INTERRUPTED, SIMULATED, values["inventory.dir"], how)
    out, err = program.communicate(timeout=120)
    assert program.returncode in (7, -signal.SIGINT), err
    raised, state = (json.loads(line) for line in out.splitlines())
    assert raised[0] == name and state[1] is None
    assert state[0] == f"stopped by {'Ctrl-C' if how == 'Ctrl-C' else 'SystemExit'}"
    assert raised[1] != 0, "the transfer was not stopped"
    # It is on disk how it ended: no transfer is open.
    inventory = read_inventory(SIMULATED, values)
    assert inventory.moving is None


LEFT = """
import os, signal, sys, threading
from rmrl_robot.cells import Cell
moves, reports = threading.Event(), []
def note(event):
    if event["event"] == "moves":
        moves.set()
with Cell.open(sys.argv[1], {"inventory.dir": sys.argv[2]}) as cell:
    thread = threading.Thread(
        target=lambda: reports.append(cell.transfer("hotel:1", "reader", on_event=note))
    )
    try:
        with cell:
            thread.start()
            moves.wait()
            os.kill(os.getpid(), signal.SIGINT)
            thread.join()
    except KeyboardInterrupt:
        thread.join()
        print(cell.stopped, cell.is_closed, reports[0].exit_status)
"""


def test_leaving_a_cell_by_ctrl_c_stops_the_transfer_of_another_thread(
    learned: Path, tmp_path: Path
) -> None:
    values = copied(learned, tmp_path)
    program = python(LEFT, SIMULATED, values["inventory.dir"])
    out, err = program.communicate(timeout=120)
    assert program.returncode == 0, err
    assert out.startswith("stopped by Cell.close() True") and not out.strip().endswith(" 0"), out
    assert read_inventory(SIMULATED, values).moving is None


ENDS = """
import os, sys, threading
from rmrl_robot.cells import Cell
how = sys.argv[3]
cell = Cell.open(sys.argv[1], {"inventory.dir": sys.argv[2]})
moves = threading.Event()
def note(event):
    if event["event"] == "moves":
        moves.set()
def work():
    cell.transfer("hotel:1", "reader", on_event=note)
threading.Thread(target=work, daemon=how == "daemon").start()
assert moves.wait(60)
if how == "fails":
    raise ValueError("a program ends")
"""


@pytest.mark.parametrize("how", ["daemon", "joined", "fails"])
def test_an_interpreter_that_ends_leaves_records_that_are_complete(
    learned: Path, tmp_path: Path, how: str
) -> None:
    values = copied(learned, tmp_path)
    program = python(ENDS, SIMULATED, values["inventory.dir"], how)
    _, err = program.communicate(timeout=120)
    assert program.returncode == (1 if how == "fails" else 0), err
    inventory = read_inventory(SIMULATED, values)
    assert inventory.moving is None, "the program ended before the transfer was recorded"
    if how != "daemon":
        # Python waits for the thread, so the transfer is completed.
        assert inventory.place_of("plate-1") == "reader"


FORKED = """
import os, sys
from rmrl_robot.cells import Cell
from rmrl_robot.errors import CellError
cell = Cell.open(sys.argv[1], {"inventory.dir": sys.argv[2]})
child = os.fork()
if child == 0:
    kinds = []
    for call in (lambda: cell.transfer("hotel:1", "reader"), cell.stop, cell.close):
        try:
            call()
        except CellError as error:
            kinds.append(error.kind)
    print(*kinds, flush=True)
    del cell
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
print(cell.transfer("hotel:1", "reader").ok, flush=True)
try:
    Cell.open(sys.argv[1], {"inventory.dir": sys.argv[2]})
except CellError as error:
    print(error.kind)
cell.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_touches_nothing_of_its_parent(learned: Path, tmp_path: Path) -> None:
    program = python(FORKED, SIMULATED, copied(learned, tmp_path)["inventory.dir"])
    out, err = program.communicate(timeout=120)
    assert program.returncode == 0, err
    assert out.split() == ["forked", "forked", "forked", "True", "in_use"]


def test_a_cell_that_is_forgotten_warns_and_is_closed(learned: Path, tmp_path: Path) -> None:
    values = copied(learned, tmp_path)
    cell = Cell.open(SIMULATED, values)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del cell
        gc.collect()
    assert any("unclosed" in str(one.message) for one in caught)
    deadline = time.monotonic() + 10
    while True:
        try:
            with Cell.open(SIMULATED, values) as cell:
                assert cell.transfer("hotel:1", "reader").ok
            return
        except CellError as error:
            assert error.kind == "in_use" and time.monotonic() < deadline, error


def test_others_run_while_the_cell_works(cell: Cell) -> None:
    """The lock of the interpreter is free."""
    counted, ends = [0], threading.Event()

    def count() -> None:
        while not ends.is_set():
            counted[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    during: list[int] = []
    thread.start()
    before = counted[0]
    cell.transfer("hotel:1", "reader", on_event=lambda _: during.append(counted[0]))
    ends.set()
    thread.join()
    assert during[-1] - before > 100


def test_an_emulated_arm_moves_only_when_it_is_permitted_and_stops_at_once(tmp_path: Path) -> None:
    with emulated(tmp_path, speed=20) as values:
        for slot, items in [("hotel:1", ["plate-1=96-well"]), ("bench", []), ("reader", [])]:
            set_items(EMULATED, slot, items, reason="looked", values=values)
        asked: list[Question] = []
        for answer in (False, None, "yes", 1):
            answers = iter([answer])
            with pytest.raises(CellError) as refused:
                Cell.open(EMULATED, values, operator=lambda _, answers=answers: next(answers))
            assert refused.value.kind == "declined", refused.value
        with pytest.raises(CellError) as refused:
            # Nobody is at this terminal.
            Cell.open(EMULATED, values | {"cell.operator": "terminal"})
        assert refused.value.kind == "nobody_to_ask" and "permit=True" in str(refused.value)
        Cell.open(EMULATED, values, permit=True).close()

        def operator(question: Question) -> bool:
            asked.append(question)
            return True

        with Cell.open(EMULATED, values, operator=operator) as cell:
            assert [question.kind for question in asked] == ["permit_motion"]
            assert "May the arm move?" in asked[0].text and asked[0].motion is not None
            times: dict[str, float] = {}

            def stop() -> None:
                assert grasped.wait(60)
                began = time.monotonic()
                confirmation = cell.stop("the door")
                times["confirmed"] = time.monotonic() - began
                times["stopped"] = time.monotonic()
                assert confirmation.is_confirmed, confirmation

            grasped = threading.Event()
            thread = threading.Thread(target=stop)
            thread.start()
            events = {"grasped": grasped.set}
            report = cell.transfer(
                "hotel:1", "reader", on_event=lambda event: events.get(event["event"], int)()
            )
            ended = time.monotonic()
            thread.join()
            assert times["confirmed"] < 1 and ended - times["stopped"] < STOPPED_WITHIN_S
            # A gripper of which nothing can be read after the stop leaves it unknown what the jaws hold.
            assert report.exit_status in (4, 5) and "the door" in str(report.reason), report
            inventory = cell.inventory()
            uncertain = inventory.uncertain
            assert inventory.jaws == Item("plate-1", "96-well") or (
                uncertain is not None and "jaws" in uncertain.places
            )
            assert [q.slot for q in asked if q.kind == "seat_item"] == ["hotel:1"]
