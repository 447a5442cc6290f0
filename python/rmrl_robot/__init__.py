"""Teach a robot arm to pick and place a cell plate to the millimeter.

The names of this package are imported from their modules when they are first used, so that ``import rmrl_robot``
needs NumPy only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from rmrl_robot._native import VERSION as __version__

if TYPE_CHECKING:
    from rmrl_robot.callbacks import (
        MlflowCallback,
        ProgressCallback,
        RerunCallback,
        WandbCallback,
    )
    from rmrl_robot.cells import Cell, TransferReport
    from rmrl_robot.method import RoleModelRL
    from rmrl_robot.perception import Calibration, Localization, Localizer
    from rmrl_robot.policies import Belief, Decision, Pick, Policy
    from rmrl_robot.runs import Images, Run, Trial, Trials
    from rmrl_robot.training import Callback, evaluate, resume, train

_MODULES = {
    "rmrl_robot.callbacks": (
        "MlflowCallback",
        "ProgressCallback",
        "RerunCallback",
        "WandbCallback",
    ),
    "rmrl_robot.cells": ("Cell", "TransferReport"),
    "rmrl_robot.method": ("RoleModelRL",),
    "rmrl_robot.perception": ("Calibration", "Localization", "Localizer"),
    "rmrl_robot.policies": ("Belief", "Decision", "Pick", "Policy"),
    "rmrl_robot.runs": ("Images", "Run", "Trial", "Trials"),
    "rmrl_robot.training": ("Callback", "evaluate", "resume", "train"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Belief",
    "Calibration",
    "Callback",
    "Cell",
    "Decision",
    "Images",
    "Localization",
    "Localizer",
    "MlflowCallback",
    "Pick",
    "Policy",
    "ProgressCallback",
    "RerunCallback",
    "RoleModelRL",
    "Run",
    "TransferReport",
    "Trial",
    "Trials",
    "WandbCallback",
    "__version__",
    "evaluate",
    "resume",
    "train",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'rmrl_robot' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
