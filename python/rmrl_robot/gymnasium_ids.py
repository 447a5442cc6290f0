"""The ids of this package's environments, for ``gymnasium.make``."""

from __future__ import annotations

IDS = {
    "rmrl/Table-v0": "rmrl_robot.envs:TableEnv",
    "rmrl/Shelf-v0": "rmrl_robot.envs:ShelfEnv",
    "rmrl/Laboratory-v0": "rmrl_robot.envs:LaboratoryEnv",
    "rmrl/Lid-v0": "rmrl_robot.envs:LidEnv",
}


def register() -> None:
    """Registers the ids. Gymnasium calls it where the package is installed; importing ``rmrl_robot.envs`` does, too."""
    from gymnasium.envs.registration import register as register_id
    from gymnasium.envs.registration import registry

    for name, entry_point in IDS.items():
        if name not in registry:
            register_id(id=name, entry_point=entry_point)
