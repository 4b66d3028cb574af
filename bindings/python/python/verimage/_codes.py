"""The table of failure codes."""

from typing import Literal, NamedTuple

from verimage import _native


class FailureCode(NamedTuple):
    """A stable code, what kind of answer it is, and what to do about it."""

    code: str
    class_: Literal["deny", "inconclusive", "load error"]
    rank: int
    meaning: str
    remedy: str


def codes() -> list[FailureCode]:
    """Every failure code. Codes are added, never renamed."""
    return [FailureCode(*row) for row in _native.codes()]
