"""Exceptions: one class for each layer, each with a stable `code`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from verimage._native import Verdict


class VerimageError(Exception):
    """Everything that this package raises on purpose. A wrong type is a TypeError, as everywhere."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return self.message


class PolicyError(VerimageError):
    """The policy cannot be used, or a key that it refers to cannot be had."""

    def __init__(
        self,
        message: str,
        code: str,
        pointer: str = "",
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code)
        self.args = (message, code, pointer, file, line, column, hint)
        self.pointer = pointer
        self.file = file
        self.line = line
        self.column = column
        self.hint = hint


class ImageReferenceError(VerimageError):
    """The image reference cannot be read."""


class ConfigurationError(VerimageError):
    """An option contradicts another, cannot be read, or names a file that cannot."""


class InternalError(VerimageError):
    """A defect of verimage. Nothing was allowed."""


class Denied(VerimageError):
    """The image may not run. Raised by `Verdict.require` alone."""

    def __init__(self, verdict: Verdict) -> None:
        code = verdict.code or verdict.decision
        super().__init__(f"{code}: {verdict.message}", code)
        self.args = (verdict,)
        self.verdict = verdict


class Inconclusive(Denied):
    """Whether the image may run could not be found out, so it may not. Trying again may help."""


class StoreError(Exception):
    """Raised by stores and key resolvers of your own, to say why there is nothing.

    `not-found` alone says that a thing does not exist. Any other exception counts as `unavailable`.
    """

    def __init__(
        self,
        reason: Literal["not-found", "unauthorized", "rate-limited", "too-large", "deadline-exceeded", "unavailable"],
        detail: str,
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
