"""What a program can write itself: places that signatures and keys come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from verimage._native import Want


class SignatureStore(Protocol):
    """Gives bytes, judges nothing. Called from threads of the runtime, several at a time."""

    def fetch(self, image: str, want: Want, /) -> bytes | Sequence[bytes]:
        """Brings what `want` asks for, as seen from `image`, or raises `StoreError`."""
        ...


class KeyResolver(Protocol):
    """Brings public keys that policies refer to, such as `hashivault://signing-key`."""

    @property
    def schemes(self) -> Sequence[str]:
        """The schemes that it resolves, in small letters and without `://`."""
        ...

    def resolve(self, reference: str, /) -> bytes:
        """Brings the public key of a reference as PEM, or raises `StoreError`."""
        ...
