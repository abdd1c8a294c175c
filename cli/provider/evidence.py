"""Records of what was done to a provider: who, when, what was checked, what was answered."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.provider.stackfile import replace
from components.cluster import ApiError, Cluster, UnreachableError

FOLDER = "providers"


def now() -> str:
    """This moment, in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def operator() -> str:
    """The user of this machine who runs the command, and the machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"


def identity(cluster: Cluster) -> str:
    """Who the cluster takes us for."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = cluster.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body)
    except (ApiError, UnreachableError) as error:
        return f"(not told: {error})"
    return str(answer["status"]["userInfo"].get("username", ""))


def digest(value: Any) -> str:
    """SHA-256 of a value as JSON with sorted keys and no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def keep(folder: Path, provider: str, verb: str, about: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Write a record with its own digest; where it is, and what it says."""
    at = now()
    record = {"provider": provider, "verb": verb, "at": at, "operator": operator(), **about}
    record["digest"] = digest(record)
    stamp = at.replace(":", "").replace("-", "").replace("+0000", "Z")
    path = folder / FOLDER / provider / f"{stamp}-{verb}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps(record, indent=1).encode() + b"\n")
    return path, record


def kept(folder: Path, provider: str, verb: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The records of a verb, the oldest first; one whose digest does not fit counts for nothing."""
    for path in sorted((folder / FOLDER / provider).glob(f"*-{verb}.json")):
        record = json.loads(path.read_text())
        told = record.pop("digest", "")
        if told == digest(record):
            yield path, {**record, "digest": told}
