"""The part of this package that is written in Rust."""

from collections.abc import Callable, Sequence
from typing import Any
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

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
class RoleModelTrainer:
    """The trainer under ``rmrl_robot.method.RoleModelRL``. ``setup`` has its settings, seed, features, candidates and ``alike``."""

    def __init__(self, setup: Mapping[str, Any]) -> None: ...
    @staticmethod
    def from_bytes(setup: Mapping[str, Any], path: str, data: bytes) -> RoleModelTrainer:
        """The trainer that ``to_bytes`` has written; ``path`` names the file in errors."""

    def learn(self, bridge: Any, trials: int | None, recorded: Sequence[Mapping[str, Any]]) -> None:
        """Learns from recorded trials, then makes so many trials of ``bridge`` and learns from them.

        Without a number of trials it learns from those of a call that ended early, as that has learned from them.
        """

    def probabilities(
        self, image: npt.NDArray[np.uint8] | None, features: npt.NDArray[np.float32]
    ) -> list[npt.NDArray[np.float32]]:
        """The probability of every candidate in a state, by head."""

    def novelty(
        self, image: npt.NDArray[np.uint8] | None, features: npt.NDArray[np.float32]
    ) -> float | None:
        """How unlike all training states a state is."""

    def candidates(self) -> list[list[float]]:
        """The values of the candidates of each head."""

    @property
    def trials(self) -> int:
        """The number of trials that the policy has learned from."""

    @property
    def trials_per_scene(self) -> int:
        """The number of trials of a scene."""

    def to_bytes(self, notes: str) -> bytes:
        """The trainer as the bytes of a ``.safetensors`` file, with ``notes`` in its metadata."""
