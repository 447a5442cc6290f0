"""Checks one after the other, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotReturned
from dataclasses import dataclass, field
from typing import Any

from rmrl_robot.devices import DeviceFailure


class Failed(Exception):
    """A check failed; the message says what came and what was expected."""


class Skipped(Exception):
    """A check was not made; the message says why."""


@dataclass(frozen=True)
class Check:
    """One check: ``ok``, ``fail`` or ``skipped``."""

    device: str
    name: str
    status: str
    detail: str = ""


@dataclass
class Report:
    """All checks of a driver."""

    checks: list[Check] = field(default_factory=list)

    @property
    def is_conforming(self) -> bool:
        """Whether no check failed."""
        return all(check.status != "fail" for check in self.checks)

    def failed(self) -> list[str]:
        """The names of the checks that failed, such as ``arm: stop``."""
        return [f"{check.device}: {check.name}" for check in self.checks if check.status == "fail"]

    def __str__(self) -> str:
        lines = [
            f"{check.status:8}{check.device}: {check.name}"
            + (f": {check.detail}" if check.detail else "")
            for check in self.checks
        ]
        return "\n".join(lines)


class CallingThread:
    """Calls a device on one thread that is not the main one, as a run does."""

    def __init__(self, device: Any, timeout_s: float) -> None:
        self.device = device
        self.timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(1)

    def begin(self, method: str, *arguments: Any) -> Future[Any]:
        return self._pool.submit(getattr(self.device, method), *arguments)

    def call(self, method: str, *arguments: Any, timeout_s: float | None = None) -> Any:
        """What the method returns."""
        limit = timeout_s or self.timeout_s
        try:
            answer = self.begin(method, *arguments).result(limit)
        except NotReturned:
            raise Failed(f"{method} has not returned within {limit} s") from None
        except DeviceFailure:
            raise
        except Exception as error:
            raise Failed(f"{method} raised {type(error).__name__}: {error}") from error
        if hasattr(answer, "__await__"):
            raise Failed(f"{method} is an async function; a run awaits nothing")
        return answer

    def order(self, method: str, *arguments: Any, timeout_s: float | None = None) -> None:
        """Calls a method that returns nothing."""
        try:
            answer = self.call(method, *arguments, timeout_s=timeout_s)
        except DeviceFailure as error:
            raise Failed(f"{method} raised {type(error).__name__}: {error}") from error
        if answer is not None:
            raise Failed(f"{method} returned {answer!r}; expected None")

    def refuses(self, method: str, *arguments: Any) -> str | None:
        """What a call raises, or `None` where it does what it was asked."""
        try:
            self.call(method, *arguments)
        except DeviceFailure as error:
            return str(error)
        return None


class Checks:
    """Makes checks one after the other; the first that fails ends them where others rely on it."""

    def __init__(self, device: str, report: Report, on_check: Callable[[Check], None]) -> None:
        self._device, self._report, self._on_check = device, report, on_check

    def make(self, name: str, check: Callable[[], str | None]) -> bool:
        """Makes a check. Returns whether it did not fail."""
        try:
            made = Check(self._device, name, "ok", check() or "")
        except Skipped as why:
            made = Check(self._device, name, "skipped", str(why))
        except DeviceFailure as error:
            made = Check(self._device, name, "fail", f"{type(error).__name__}: {error}")
        except Failed as error:
            made = Check(self._device, name, "fail", str(error))
        self._report.checks.append(made)
        self._on_check(made)
        return made.status != "fail"
