"""Policies of RM-RL in LeRobot, which imports this package by its name."""

from lerobot_policy_rmrl.configuration_rmrl import RmrlConfig

# The modules of policy and processors are found by LeRobot from the configuration's.
__all__ = ["RmrlConfig"]
