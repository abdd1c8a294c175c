"""The processes that judge: masking keeps a core busy, so it must not hold up the others' calls."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache

from bastide_guard.call import Call, Verdict
from bastide_guard.policy import TenantPolicy


class Workers:
    """A pool of processes; one that dies takes the calls under way with it, and a new pool takes over."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["bastide_guard.judge"])
        self._pool = self._new()

    async def judge(self, rules: bytes, grant: str, call: Call, raw: bytes, now: float) -> Verdict:
        """As `judge`, with the rules as `Tenant.rules` gives them; raises also `BrokenProcessPool`."""
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(
                pool, _judge, rules, grant, call, raw, now
            )
        except BrokenProcessPool:
            if self._pool is pool:
                self._pool = self._new()
            raise

    async def ready(self) -> None:
        """Return when a worker has started."""
        await asyncio.get_running_loop().run_in_executor(self._pool, _warm)

    def close(self) -> None:
        """Stop the processes after the calls under way."""
        self._pool.shutdown(cancel_futures=True)

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._count, mp_context=self._context, initializer=_warm)


def _judge(rules: bytes, grant: str, call: Call, raw: bytes, now: float) -> Verdict:
    from bastide_guard.judge import judge  # noqa: PLC0415 - Presidio takes 100 MB, here only

    return judge(_policy(rules), grant, call, raw, now)


@lru_cache(maxsize=1024)
def _policy(rules: bytes) -> TenantPolicy:
    policy: TenantPolicy = pickle.loads(rules)  # noqa: S301 - ours: `Tenant.rules` wrote it
    return policy


def _warm() -> None:
    """Compile the patterns before the first call."""
    from bastide_guard.injection import suspect  # noqa: PLC0415 - as above

    suspect("")
