"""Does a provider answer? Asked as the gateway would ask it, without a key."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx2 as httpx

from cli.outcome import CliError, Exit
from components.cluster import ApiError, Cluster, UnreachableError
from components.model import Provider
from twin.toolchain.network import OFFLINE, offline

CLUSTER_SUFFIX: Final = ".svc.cluster.local"
_UNAUTHORIZED: Final = frozenset({401, 403})
_MODELS: Final = {"AzureOpenAI": "openai/models?api-version=2024-10-21"}
"""Where an API lists its models, unless it is `<prefix>/models`."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One try: the status (0: none came), what is wrong if anything, and the time in milliseconds."""

    status: int
    problem: str
    milliseconds: float


Ask: TypeAlias = Callable[[], int]
"""Asks once and gives the status. Raises `UnansweredError`."""


class UnansweredError(Exception):
    """No answer came: why."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """What a provider answered."""

    asked: str
    answers: tuple[Answer, ...]

    @property
    def well(self) -> bool:
        """Whether every try was answered as a live API answers."""
        return all(not answer.problem for answer in self.answers)

    @property
    def slowest(self) -> float:
        """The longest time to an answer, in milliseconds."""
        return max(answer.milliseconds for answer in self.answers)

    def as_json(self) -> dict[str, Any]:
        return {"well": self.well, **asdict(self)}


def examine(
    provider: Provider, cluster: Callable[[], Cluster], tries: int, seconds: float, ca: Path | None
) -> Health:
    """Ask for the list of models several times, each within `seconds`.

    An address inside the cluster is asked through the API server; `ca` holds certificates to trust in place
    of the system's. Raises `CliError` where BASTIDE_OFFLINE forbids to ask.
    """
    if provider.endpoint.host.endswith(CLUSTER_SUFFIX):
        with cluster() as reached:
            path = _service_path(provider)
            asked = f"{reached.server}{path}"
            return Health(asked=asked, answers=_answers(lambda: _through(reached, path), tries))
    scheme = "https" if provider.endpoint.tls else "http"
    asked = f"{scheme}://{provider.endpoint.host}:{provider.endpoint.port}/{_models(provider)}"
    if offline():
        message = f"the health check would reach {asked}, and {OFFLINE} forbids it"
        raise CliError(Exit.UNREACHABLE, message, "unset it, or say with --unchecked why nobody asks")
    with httpx.Client(verify=_trusted(ca), timeout=seconds, trust_env=False) as client:
        return Health(asked=asked, answers=_answers(lambda: _directly(client, asked), tries))


def _models(provider: Provider) -> str:
    path = _MODELS.get(provider.api)
    return path or "/".join(part for part in (provider.prefix, "models") if part)


def _service_path(provider: Provider) -> str:
    """Source: https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/"""
    service, namespace = provider.endpoint.host.removesuffix(CLUSTER_SUFFIX).split(".", 1)
    scheme = "https" if provider.endpoint.tls else "http"
    target = f"{scheme}:{service}:{provider.endpoint.port}"
    return f"/api/v1/namespaces/{namespace}/services/{target}/proxy/{_models(provider)}"


def _trusted(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise CliError(Exit.USAGE, f"--ca {ca}: {error}", "name a file with certificates in PEM") from error


def _answers(ask: Ask, tries: int) -> tuple[Answer, ...]:
    return tuple(_answer(ask) for _ in range(tries))


def _answer(ask: Ask) -> Answer:
    begun = time.monotonic()
    try:
        status = ask()
        problem = "" if 200 <= status < 300 or status in _UNAUTHORIZED else f"answered {status}"
    except UnansweredError as error:
        status, problem = 0, str(error)
    return Answer(status=status, problem=problem, milliseconds=round(1000 * (time.monotonic() - begun), 1))


def _directly(client: httpx.Client, url: str) -> int:
    try:
        with client.stream("GET", url) as answer:
            return answer.status_code
    except httpx.HTTPError as error:
        raise UnansweredError(f"{type(error).__name__}: {error}") from error


def _through(cluster: Cluster, path: str) -> int:
    try:
        cluster.get(path)
    except ApiError as error:
        if error.status.get("kind") == "Status":  # the API server's own word, not the provider's
            raise UnansweredError(str(error)) from error
        return error.code
    except UnreachableError as error:
        raise UnansweredError(str(error)) from error
    return 200
