"""The table of failure codes."""

from typing import Literal, NamedTuple, cast

from verimage import _native

CodeClass = Literal["deny", "inconclusive", "load error"]


class FailureCode(NamedTuple):
    """A stable code, what kind of answer it is, and what to do about it."""

    code: str
    class_: CodeClass
    rank: int
    meaning: str
    remedy: str


def codes() -> list[FailureCode]:
    """Every failure code. Codes are added, never renamed."""
    rows = _native.codes()
    return [FailureCode(code, cast(CodeClass, class_), rank, meaning, remedy) for code, class_, rank, meaning, remedy in rows]
