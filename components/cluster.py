"""A thin client for the Kubernetes API, over lightkube's kubeconfig handling and httpx.

It speaks plain manifests, because that is what this project writes. Used by drills, `bastide status` and
the twin's provider plug-in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2 as httpx
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import User

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
_PUT_OFF = frozenset({429, 503})
_LONGEST_PAUSE = 10.0


class ApiError(Exception):
    """The API server refused: HTTP `code`, Kubernetes `reason` (e.g. `Forbidden`) and its own `message`."""

    def __init__(self, code: int, status: Mapping[str, Any]) -> None:
        self.code = code
        self.status = dict(status)
        self.reason = str(status.get("reason", ""))
        self.message = str(status.get("message", ""))
        super().__init__(f"{code} {self.reason}: {self.message}")


class UnreachableError(Exception):
    """The API server did not answer: this never means that an object is gone."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who asks: another user (impersonated), or the bearer of a token, in place of the kubeconfig's user."""

    user: str = ""
    groups: tuple[str, ...] = ()
    token: str = ""

    def headers(self) -> list[tuple[str, str]]:
        if self.token:
            return [("Authorization", f"Bearer {self.token}")]
        impersonated = [("Impersonate-User", self.user)] if self.user else []
        return impersonated + [("Impersonate-Group", group) for group in self.groups]


class Cluster:
    """One API server, as one identity. Thread-safe; close it or use it as a context manager."""

    def __init__(
        self,
        kubeconfig: Path | Mapping[str, Any],
        context: str | None = None,
        timeout: float = 30,
        attempts: int = 5,
    ) -> None:
        """`kubeconfig` is a file or its parsed content; `timeout` is in seconds.

        A request that the server puts off (429 or 503 with `Retry-After`: it did nothing yet) is sent again
        after that pause, `attempts` times in all, as client-go does.

        Raises lightkube's `ConfigError` where the file or the context is missing.
        """
        if isinstance(kubeconfig, Path):
            config = KubeConfig.from_file(kubeconfig).get(context)
        else:
            config = KubeConfig.from_dict(dict(kubeconfig)).get(context)
        if config is None:
            raise ValueError(f"{kubeconfig}: no current context")
        self.server = config.cluster.server
        self._attempts = attempts
        params = ConnectionParams(timeout=httpx.Timeout(timeout), trust_env=False)
        self.http = Client(config, params)
        # A client certificate would win over a token: the bearer of a token comes without one.
        self._bare_client = cache(lambda: Client(config._replace(user=User()), params))

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.http.close()
        if self._bare_client.cache_info().currsize:
            self._bare_client().close()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        identity: Identity | None = None,
    ) -> dict[str, Any]:
        """Send one request; the answer parsed. Raises `ApiError` and `UnreachableError`."""
        headers = [("Accept", JSON), *(identity.headers() if identity else [])]
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers.append(("Content-Type", content_type))
        client = self._bare_client() if identity and identity.token else self.http
        for attempt in range(1, self._attempts + 1):
            try:
                answer = client.request(method, path, content=content, params=params, headers=headers)
            except httpx.TransportError as error:
                raise UnreachableError(f"{self.server} did not answer: {error}") from error
            pause = _asked_pause(answer)
            if answer.status_code not in _PUT_OFF or pause is None or attempt == self._attempts:
                break
            time.sleep(min(pause, _LONGEST_PAUSE))
        return _parsed(answer)

    def get(self, path: str, **options: Any) -> dict[str, Any]:
        return self.request("GET", path, **options)

    def items(self, path: str, **options: Any) -> list[dict[str, Any]]:
        """The items of a list, without their `apiVersion` and `kind`, as the API gives them."""
        return list(self.get(path, **options).get("items", []))

    @contextmanager
    def stream(self, path: str, params: Mapping[str, Any], timeout: float) -> Iterator[Iterator[str]]:
        """The lines of a watch or a log, until `timeout` seconds pass without one."""
        try:
            with self.http.stream("GET", path, params=params, timeout=timeout) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    _parsed(answer)
                yield answer.iter_lines()
        except httpx.TransportError as error:
            raise UnreachableError(f"{self.server} did not answer: {error}") from error


def _asked_pause(answer: httpx.Response) -> int | None:
    """The seconds after which the server wants to be asked again, where it names them."""
    pause = answer.headers.get("Retry-After", "")
    return int(pause) if pause.isdigit() else None


def _parsed(answer: httpx.Response) -> dict[str, Any]:
    try:
        parsed = answer.json() if answer.content else {}
    except ValueError:
        parsed = {"message": answer.text}
    if answer.status_code >= 400:
        status: dict[str, Any] = parsed if isinstance(parsed, dict) else {"message": str(parsed)}
        if (pause := _asked_pause(answer)) is not None:
            status["details"] = {"retryAfterSeconds": pause, **(status.get("details") or {})}
        raise ApiError(answer.status_code, status)
    return parsed if isinstance(parsed, dict) else {"items": parsed}
