"""Exceptions of this package."""

from __future__ import annotations

from typing import Any


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


class _WithKind(RmrlError):
    """An exception of several kinds."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[_WithKind], tuple[str, str]]:
        return type(self), (self.kind, str(self.args[0]))


class CellError(_WithKind):
    """A cell could not be opened or used.

    Attributes:
        kind: Why: ``in_use`` (another program has it), ``nobody_to_ask`` or ``declined`` (the first motion of a real arm was
            not permitted), ``stopped``, ``device``, ``calibration``, ``reach``, ``motion``, ``no_inventory``, ``damaged``,
            ``not_recorded`` (a file could not be written), ``forked``, ``failed``, ``busy`` or ``closed``.
    """


class CellBusyError(CellError):
    """Another call of this cell is under way. The message says which one."""


class CellClosedError(CellError):
    """The cell was closed."""


class TransferRefused(_WithKind):
    """What was asked was refused before anything moved for it. The message says why, and how to fix it.

    Attributes:
        kind: Why: ``no_such_slot``, ``not_stated``, ``empty``, ``full``, ``already_there``, ``wrong_labware``, ``uncertain``,
            ``has_lid``, ``no_lid``, ``not_clear``, ``jaws``, ``jaws_full`` and so on.
    """


class TransferNotDone(RmrlError):
    """A transfer began and did not end as it should, where the caller wanted an exception for that.

    Attributes:
        report: The ``TransferReport`` or ``ProtocolReport``.
    """

    def __init__(self, message: str, report: Any) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[type[TransferNotDone], tuple[str, Any]]:
        return type(self), (str(self.args[0]), self.report)


class CallbackError(RmrlError):
    """A callback raised something while a cell worked. The work was completed. ``__cause__`` is what was raised.

    Attributes:
        report: What the work came to.
    """

    report: Any = None


class RunError(RmrlError, RuntimeError):
    """A run cannot be read, made or resumed. The message says what was expected, and how to fix it."""


class DamagedRun(RunError):
    """A file of a run was changed or damaged. The message names the file and the line."""
