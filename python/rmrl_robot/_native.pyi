"""The part of this package that is written in Rust."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from typing_extensions import Self

__all__ = [
    "VERSION",
    "Cell",
    "DeviceSet",
    "Environment",
    "LoadedBelief",
    "LoadedCamera",
    "LoadedLocalizer",
    "LoadedPolicy",
    "RoleModelTrainer",
    "SimulatedCell",
    "checked_camera",
    "create_run",
    "evaluate",
    "inventory_of",
    "is_in_use",
    "parse_pylabrobot_plate",
    "read_color",
    "read_depth_mm",
    "read_run",
    "resolve_configuration",
    "resume_run",
    "run_command",
    "run_report",
    "run_with_devices",
    "set_items_of",
    "settle_of",
    "task_path",
    "train_run",
    "verify_inventory",
]

VERSION: str

def run_command(words: Sequence[str]) -> int:
    """Runs the command ``rmrl`` with these words, and returns its exit status."""

def resolve_configuration(file: str | None = None, assignments: Sequence[str] = ...) -> str:
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

@final
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

# Runs, policies, perception and training.

def read_run(root: str) -> str:
    """A run as its directory has it now, as JSON: state, configuration, records, target, metrics."""

def is_in_use(root: str) -> bool:
    """Whether a process works in a run directory now."""

def read_color(path: str) -> NDArray[np.uint8]:
    """A color image file, uint8 ``[height, width, 3]``."""

def read_depth_mm(path: str) -> NDArray[np.uint16]:
    """A depth image file, uint16 ``[height, width]`` in millimeters."""

def run_report(root: str) -> str:
    """The report of a run as a page of HTML."""

def task_path(root: str) -> str:
    """Where the tool goes in a trial of a run, as JSON."""

@final
class LoadedPolicy:
    """A loaded policy."""

    @staticmethod
    def load(path: str) -> LoadedPolicy:
        """The policy of a run, or of a file of one."""
    @property
    def is_belief(self) -> bool:
        """Whether it is the belief of a self-calibration."""
    @property
    def candidates(self) -> list[NDArray[np.float64]] | None:
        """The candidates of each component in meters, meters and radians."""
    def decide(
        self,
        image: NDArray[np.uint8],
        pose: NDArray[np.float64],
        plate_in_image: NDArray[np.float64] | None = None,
        look_error_m: NDArray[np.float64] | None = None,
    ) -> dict[str, Any]:
        """What it does in a state."""
    def plate_in_image(self, pose: NDArray[np.float64]) -> list[float] | None:
        """Where a picture shows a plate at a pose."""

@final
class LoadedBelief:
    """The belief of a self-calibration."""

    @staticmethod
    def parse(text: str) -> LoadedBelief:
        """The belief in the text of a ``belief.json``."""
    @property
    def carries(self) -> int:
        """The carries that it was learned from."""
    def pick(
        self, pose: NDArray[np.float64], look_error_m: NDArray[np.float64] | None = None
    ) -> tuple[list[float], tuple[float, float, float]]:
        """Where the tool picks: its pose, and along, across and interval in meters."""
    def to_json(self) -> str:
        """The text of its file."""

@final
class LoadedCamera:
    """A calibrated camera."""

    @staticmethod
    def parse(text: str, path: str) -> LoadedCamera:
        """The camera in the text of a camera file."""
    def to_toml(self) -> str:
        """The text of its file."""
    def values(self) -> tuple[str, list[list[float]]]:
        """Its intrinsics as JSON, and ``world_from_camera``."""
    def project(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """``[count, 3]`` in meters to ``[count, 2]`` in pixels."""
    def unproject(self, seen: NDArray[np.float64]) -> NDArray[np.float64]:
        """``[count, 3]``, u, v and depth, to ``[count, 3]`` in meters."""
    def on_plane(self, seen: NDArray[np.float64], height_m: float) -> NDArray[np.float64]:
        """``[count, 2]`` in pixels to ``[count, 3]`` in meters."""

@final
class LoadedLocalizer:
    """A localizer."""

    @staticmethod
    def of_run(configuration: str) -> LoadedLocalizer:
        """The localizer of the configuration file of a run."""
    @staticmethod
    def configured(assignments: Sequence[str]) -> LoadedLocalizer:
        """The localizer of a configuration."""
    def localize(
        self, color: NDArray[np.uint8], depth: NDArray[np.uint16], camera: LoadedCamera
    ) -> dict[str, Any]:
        """The plate in a frame."""

def train_run(
    program: object,
    file: str | None,
    assignments: Sequence[str],
    out: str | None,
    is_unasked: bool,
) -> tuple[str, str, bool]:
    """Makes a new run. Returns its directory, why it ended, and whether it reached its goal."""

def resume_run(program: object, root: str, is_unasked: bool) -> tuple[str, str, bool]:
    """Continues a run."""

def evaluate(root: str, task: str | None, trials: int, seed: int, is_unasked: bool) -> str:
    """Evaluates what a run deploys, as JSON."""

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

# Environments. Arrays are NumPy's; poses and corrections are meters, meters and radians.

@final
class Environment:
    """A simulated cell as a sequence of episodes of one step. Nothing is assembled before ``start``."""

    def __new__(
        cls,
        assignments: list[str],
        difficulty: float,
        transfer: tuple[str, str, str] | None = None,
    ) -> Self: ...
    def candidates(self) -> list[list[float]]:
        """The candidates of each dimension of a correction."""

    def image_size(self) -> tuple[int, int]:
        """Height and width of the pictures, in pixels."""

    def configuration(self) -> str:
        """The configuration as TOML, with every key."""

    def is_running(self) -> bool:
        """Whether a cell is assembled."""

    def start(self, seed: int) -> None:
        """Assembles the cell, as it is before its first episode."""

    def reset(self, scene: int | None = None) -> tuple[Any, Any, dict[str, Any]]:
        """Begins the next episode: picture, pose, and what is known beside them."""

    def step(self, action: Any) -> tuple[Any, Any, float, dict[str, Any]]:
        """Ends the episode with a correction: picture, pose, reward, and what came of it."""

    def time_episodes(self, count: int, action: Any) -> list[float]:
        """Makes this many episodes in Rust alone; how long each took, in seconds."""

    def close(self) -> None:
        """Ends the cell."""

@final
class RoleModelTrainer:
    """The trainer under ``rmrl_robot.method.RoleModelRL``. ``setup`` has its settings, seed, features, candidates and ``alike``."""

    def __new__(cls, setup: Mapping[str, Any]) -> Self: ...
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
