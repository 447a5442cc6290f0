"""Exceptions of this package."""

from __future__ import annotations


class RmrlError(Exception):
    """Base of this package's exceptions."""


class ConfigurationError(RmrlError, ValueError):
    """A configuration is invalid. The message names the key, its value, and what was expected."""


class Fault(RmrlError):
    """An attempt failed for a reason that says nothing about its action. It has no reward.

    Attributes:
        kind: What failed: ``Device``, ``Localization``, ``LostPlate``, ``Refused``, ``Drift``, ``Stopped``,
            ``Interrupted``, ``FalseGrasp``, ``Contact``, ``NothingHeld`` or ``Geometry``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[Fault], tuple[str, str]]:
        return type(self), (self.kind, str(self.args[0]))
