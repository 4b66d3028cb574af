"""`Verimage`, and the functions that stand on one of it."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from types import TracebackType
from typing import Any, TypedDict, Union

from verimage import _native
from verimage._errors import ConfigurationError
from verimage._native import Policy, Verdict
from verimage._stores import KeyResolver, SignatureStore

PolicyLike = Union[str, "os.PathLike[str]", Mapping[str, Any], Policy]
"""A policy file, a policy as a dictionary, or one that is loaded. Text of a policy is `Policy.from_text(...)`."""

Path = Union[str, "os.PathLike[str]"]

atexit.register(_native.shut_down)


class Limits(TypedDict, total=False):
    """Bounds of every verification; what is not given stays as it is."""

    manifest_bytes: int
    payload_bytes: int
    envelope_bytes: int
    referrers: int
    signatures: int
    rounds: int
    wants: int
    total_bytes: int
    index_manifests: int


class Verimage:
    """Judges images. Keeps connections, tokens and verdicts between calls, for any number of threads and event loops."""

    def __init__(
        self,
        policy: PolicyLike | None = None,
        *,
        timeout: float = 30.0,
        limits: Limits | None = None,
        offline: bool = False,
        plain_http: Sequence[str] = (),
        ca_files: Sequence[Path] = (),
        auth_file: Path | None = None,
        credentials: Mapping[str, tuple[str, str]] | None = None,
        registries_conf: Path | None = None,
        registries_d: Path | None = None,
        allow_private: Sequence[str] = (),
        state_dir: Path | None = None,
        registry: SignatureStore | None = None,
        lookaside: SignatureStore | None = None,
        notary: SignatureStore | None = None,
        web: SignatureStore | None = None,
        stores: Mapping[str, SignatureStore] | None = None,
        repositories: Mapping[str, SignatureStore | Path] | None = None,
        keep_verdicts: float = 3600.0,
        key_resolvers: Sequence[KeyResolver] = (),
        trust_stores: Path | None = None,
    ) -> None:
        """Puts an engine together; what is not said is as the container tools of this machine are set up.

        `policy` is loaded here, once, and judges every image for which no other is given. A verdict that allows a digest of a
        registry is kept for at most `keep_verdicts` seconds, and for as long as its evidence holds; what a tag names is asked
        each time. 0 keeps none.
        """
        self._engine: _native.Engine | None = _native.Engine(
            timeout=timeout,
            limits=dict[str, Any](limits or {}),
            offline=offline,
            plain_http=plain_http,
            ca_files=ca_files,
            auth_file=auth_file,
            credentials=dict(credentials or {}),
            registries_conf=registries_conf,
            registries_d=registries_d,
            allow_private=allow_private,
            state_dir=state_dir,
            registry=registry,
            lookaside=lookaside,
            notary=notary,
            web=web,
            stores=dict(stores or {}),
            repositories=dict(repositories or {}),
            keep_verdicts=keep_verdicts,
            key_resolvers=key_resolvers,
            trust_stores=trust_stores,
        )
        self._policy = None if policy is None else self.load(policy)

    @property
    def policy(self) -> Policy | None:
        """The policy that judges images for which no other is given."""
        return self._policy

    def load(self, policy: PolicyLike) -> Policy:
        """Loads a policy as this engine would, to be used for many images."""
        return self._open().load(_native_policy(policy))

    def verify(
        self,
        image: str,
        policy: PolicyLike | None = None,
        *,
        name: str | None = None,
        platform: str | None = None,
        at: datetime | str | None = None,
        all_evidence: bool = False,
    ) -> Verdict:
        """Judges one image and waits for the verdict. A denied image is a verdict, not an error.

        `image` is `[docker://]reference`, `oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE[:TAG]` or `dir:DIR`; `name` is the name
        under which an image that is not in a registry is judged.
        """
        return self._open().verify(
            image, self._chosen(policy), name=name, platform=platform, at=_time(at), all_evidence=all_evidence
        )

    async def averify(
        self,
        image: str,
        policy: PolicyLike | None = None,
        *,
        name: str | None = None,
        platform: str | None = None,
        at: datetime | str | None = None,
        all_evidence: bool = False,
    ) -> Verdict:
        """Judges one image. Cancelling the call, also by a timeout, ends the work behind it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Verdict] = loop.create_future()

        def settle(verdict: Verdict | None, error: BaseException | None) -> None:
            if future.done():
                return
            if verdict is not None:
                future.set_result(verdict)
            else:
                future.set_exception(error or RuntimeError("no verdict and no error"))

        def finished(verdict: Verdict | None, error: BaseException | None) -> None:
            try:
                loop.call_soon_threadsafe(settle, verdict, error)
            except RuntimeError:
                pass  # The loop was closed: nobody waits any more.

        begun = self._open().start(
            finished, image, self._chosen(policy), name=name, platform=platform, at=_time(at), all_evidence=all_evidence
        )
        if isinstance(begun, Verdict):
            return begun
        try:
            return await future
        finally:
            begun.cancel()

    def verify_many(
        self,
        images: Iterable[str],
        policy: PolicyLike | None = None,
        *,
        jobs: int = 8,
        platform: str | None = None,
        at: datetime | str | None = None,
        all_evidence: bool = False,
    ) -> Iterator[Verdict]:
        """Judges images, `jobs` at a time; the verdicts come in the order of `images`.

        An image about which the question cannot be asked raises where its verdict would come, and ends the iteration.
        """
        if isinstance(images, str):
            raise TypeError("images are an iterable of str, not one str")
        if jobs < 1:
            raise ConfigurationError("jobs: a number above 0", "configuration")
        loaded = self.load(self._chosen(policy))
        options: dict[str, Any] = {"platform": platform, "at": _time(at), "all_evidence": all_evidence}
        return self._many(iter(images), loaded, jobs, options)

    def _many(self, images: Iterator[str], policy: Policy, jobs: int, options: dict[str, Any]) -> Iterator[Verdict]:
        waiting: deque[tuple[_native.Call | None, Future[Verdict]]] = deque()
        try:
            for image in images:
                waiting.append(self._begin(image, policy, options))
                if len(waiting) >= jobs:
                    yield waiting[0][1].result()
                    waiting.popleft()
            while waiting:
                yield waiting[0][1].result()
                waiting.popleft()
        finally:
            for call, _ in waiting:
                if call is not None:
                    call.cancel()

    def _begin(self, image: str, policy: Policy, options: dict[str, Any]) -> tuple[_native.Call | None, Future[Verdict]]:
        future: Future[Verdict] = Future()

        def finished(verdict: Verdict | None, error: BaseException | None) -> None:
            if verdict is not None:
                future.set_result(verdict)
            else:
                future.set_exception(error or RuntimeError("no verdict and no error"))

        try:
            begun = self._open().start(finished, image, policy, **options)
            if isinstance(begun, Verdict):
                future.set_result(begun)
                return None, future
            return begun, future
        except Exception as error:
            future.set_exception(error)
            return None, future

    def close(self) -> None:
        """Lets go of the connections. Calls under way go on; later ones raise `ConfigurationError`."""
        self._engine = None

    async def aclose(self) -> None:
        """The same as `close`, for `async` code."""
        self.close()

    def __enter__(self) -> Verimage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Verimage:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> _native.Engine:
        if self._engine is None:
            raise ConfigurationError("this Verimage is closed", "configuration")
        return self._engine

    def _chosen(self, policy: PolicyLike | None) -> _native._PolicyArgument:
        chosen = self._policy if policy is None else policy
        if chosen is None:
            raise ConfigurationError("no policy is given, and there is none by default", "configuration")
        return _native_policy(chosen)


def verify(
    image: str,
    policy: PolicyLike,
    *,
    name: str | None = None,
    platform: str | None = None,
    at: datetime | str | None = None,
    all_evidence: bool = False,
) -> Verdict:
    """Judges one image and waits for the verdict, with an engine that all calls of this process share."""
    return _shared().verify(image, policy, name=name, platform=platform, at=at, all_evidence=all_evidence)


async def averify(
    image: str,
    policy: PolicyLike,
    *,
    name: str | None = None,
    platform: str | None = None,
    at: datetime | str | None = None,
    all_evidence: bool = False,
) -> Verdict:
    """Judges one image, with an engine that all calls of this process share."""
    return await _shared().averify(image, policy, name=name, platform=platform, at=at, all_evidence=all_evidence)


def verify_many(
    images: Iterable[str],
    policy: PolicyLike,
    *,
    jobs: int = 8,
    platform: str | None = None,
    at: datetime | str | None = None,
    all_evidence: bool = False,
) -> Iterator[Verdict]:
    """Judges images, `jobs` at a time and in their order, with an engine that all calls of this process share."""
    return _shared().verify_many(images, policy, jobs=jobs, platform=platform, at=at, all_evidence=all_evidence)


_engine: Verimage | None = None


def _shared() -> Verimage:
    global _engine
    if _engine is None:
        _engine = Verimage()
    return _engine


def _native_policy(policy: PolicyLike) -> _native._PolicyArgument:
    return dict(policy) if isinstance(policy, Mapping) else policy


def _time(at: datetime | str | None) -> str | None:
    if not isinstance(at, datetime):
        return at
    if at.tzinfo is None:
        raise ConfigurationError("at: a time without a zone says no moment", "configuration")
    return at.isoformat()
