"""The part of this package that is written in Rust."""

import os
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

def run_command(words: Sequence[str]) -> int:
    """Runs the command ``rmrl`` with these words, and returns its exit status."""

def resolve_configuration(file: str | None = None, assignments: Sequence[str] = ()) -> str:
    """The complete configuration as TOML."""

# Cells that transfer. Answers are JSON. A configuration is a file and assignments over it; a statement is who makes it, and why.

def inventory_of(configuration: tuple[str | None, list[str]]) -> str:
    """As ``rmrl cell inventory show``."""

def verify_inventory(configuration: tuple[str | None, list[str]]) -> str:
    """As ``rmrl cell inventory verify``."""

def set_items_of(
    configuration: tuple[str | None, list[str]],
    place: str,
    items: list[str],
    stated: tuple[str, str],
) -> str:
    """As ``rmrl cell inventory set``."""

def settle_of(
    configuration: tuple[str | None, list[str]],
    item: str,
    place: str | None,
    stated: tuple[str, str],
) -> str:
    """As ``rmrl cell inventory settle``."""

def parse_pylabrobot_plate(text: str, name: str, grip: tuple[str, float]) -> str:
    """A plate of PyLabRobot's JSON as a labware. ``grip`` is the side between the jaws and the height of the tips, in meters."""

class Cell:
    """A cell that transfers, with the thread that owns it. A way is from where, to where, and whether only the lid is meant."""

    @staticmethod
    def open(
        file: str | None,
        assignments: list[str],
        permit: bool,
        operator: Callable[[str], Any] | None,
    ) -> Cell: ...
    def transfer(
        self, way: tuple[str, str, bool], waits: bool, on_event: Callable[[str], object] | None
    ) -> str: ...
    def rehearse(self, way: tuple[str, str, bool], waits: bool) -> str: ...
    def run_protocol(
        self,
        protocol: tuple[str, str, int],
        waits: bool,
        on_event: Callable[[str], object] | None,
    ) -> str: ...
    def home(self, waits: bool) -> str: ...
    def set_items(
        self, place: str, items: list[str], stated: tuple[str, str], waits: bool
    ) -> str: ...
    def settle(self, item: str, place: str | None, stated: tuple[str, str], waits: bool) -> str: ...
    def inventory(self) -> str: ...
    def stop(self, by: str) -> tuple[bool, str]: ...
    def close(self, patience_s: float | None) -> bool: ...
    @property
    def under_way(self) -> str | None: ...
    @property
    def stopped(self) -> str | None: ...
    @property
    def is_closed(self) -> bool: ...
    @property
    def slots(self) -> list[str]: ...

# Devices of a program.

@final
class DeviceSet:
    """The devices of a program, each on a thread of its own. Objects that are the same have the same thread."""

    def __new__(
        cls,
        arm: object | None = None,
        gripper: object | None = None,
        camera: object | None = None,
        operator: object | None = None,
    ) -> Self: ...

@final
class SimulatedCell:
    """The simulated cell of a configuration. Its methods are those of its devices."""

    def __new__(
        cls, file: str | os.PathLike[str] | None = None, assignments: Sequence[str] = ...
    ) -> Self: ...
    def move_to(
        self, pose: tuple[float, float, float, float], speed_m_s: float
    ) -> tuple[float, float, float, float]:
        """Moves the tool; x, y, z in meters and the yaw in radians. Returns the pose that was commanded."""

    def pose(self) -> tuple[float, float, float, float]:
        """Where the tool is."""

    def recover(self) -> None:
        """Makes the arm movable again."""

    def open(self, width_m: float) -> None:
        """Opens the jaws."""

    def close(self) -> None:
        """Closes the jaws."""

    def holds_object(self) -> bool:
        """Whether the jaws hold the plate."""

    def measured_width_m(self) -> float | None:
        """How far apart the jaws are, in meters."""

    def capture(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
        """Color, uint8 ``[height, width, 3]``, and depth, uint16 ``[height, width]`` in millimeters."""

    def camera_file(self) -> str:
        """The camera file, as JSON."""

    def exchange_plate(self, scene: int) -> None:
        """Puts the plate of a scene where the present one lies."""

    def put_plate_at_target(self) -> None:
        """Puts the plate at the target."""

    def put_plate_near(self, x_m: float, y_m: float, yaw_rad: float) -> None:
        """Puts the plate near a pose."""

    def remember(self) -> str:
        """The state of the world, to be restored later."""

    def restore(self, state: str) -> None:
        """Puts the world into a state that was remembered."""

    def device_set(self) -> DeviceSet:
        """All of its devices, without Python between them and a run."""

def checked_camera(text: str, is_mapping: bool) -> str:
    """The camera file of a text, or of a mapping as JSON, checked, as JSON."""

def create_run(
    out: str | os.PathLike[str], file: str | os.PathLike[str] | None, assignments: Sequence[str]
) -> None:
    """Makes the directory of a new run."""

def run_with_devices(
    run: str | os.PathLike[str],
    devices: DeviceSet,
    assignments: Sequence[str] = ...,
    is_unasked: bool = False,
    on_attempt: Callable[[str], object] | None = None,
) -> str:
    """Runs what is left to do in a run directory with the devices of this program. Returns how it ended, as JSON."""
