"""Ansible module: put a program from the pinned mirror onto a machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tarfile
import tempfile
import urllib.error
from pathlib import Path, PurePosixPath

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import ConnectionError as UrlsError
from ansible.module_utils.urls import open_url

DOCUMENTATION = """
module: artifact
short_description: Put a program from the pinned mirror onto a machine
description:
  - The mirror is a folder with an C(index.json) that states the digest of each file. The digest of the index
    is given here, so that one value pins all. Nothing is put in place whose digest differs.
  - The machine reaches out to the mirror only, and fetches what it has not got with the right digest.
options:
  store:
    description: The mirror, as C(url) and C(digest) (C(sha256:) and 64 hex digits, of its index).
    type: dict
    required: true
    suboptions:
      url:
        description: Where the folder is served.
        type: str
        required: true
      digest:
        description: SHA-256 of its C(index.json).
        type: str
        required: true
  name:
    description: Name of the artifact.
    type: str
    required: true
  version:
    description: Version of the artifact.
    type: str
    required: true
  dest:
    description: File to make of it. One of I(dest) and I(unpack) must be given.
    type: path
  unpack:
    description: Folder into which the archive (tar) is unpacked.
    type: path
  mode:
    description: Permissions of the file in octal.
    type: str
    default: "0755"
  timeout:
    description: How long the mirror may be silent, in seconds.
    type: int
    default: 30
  stamps:
    description: Folder in which the digests of what was unpacked are kept.
    type: path
    default: /var/lib/bastide/artifacts
author: The Bastide authors (@bastide-dev)
"""

EXAMPLES = """
- name: Install kubelet
  bastide.nodes.artifact:
    store: "{{ bastide_artifacts }}"
    name: kubelet
    version: 1.36.3
    dest: /usr/local/bin/kubelet
"""

RETURN = """
sha256:
  description: The digest of the artifact, in hex.
  returned: success
  type: str
"""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_BLOCK = 1 << 20


class ArtifactError(Exception):
    """The artifact cannot be had as it is pinned. The text names what was asked and how to mend it."""


def fetch(url, timeout):
    """The open answer of a URL. Raises `ArtifactError`, which names the URL."""
    try:
        return open_url(url, timeout=timeout)
    except (OSError, ValueError, UrlsError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", None) or error
        raise ArtifactError(
            f"reached out to {url}: {reason}. Serve the bundle there, or change bastide:hosts.artifacts.url."
        ) from error


def index(store, timeout):
    """The artifacts of the mirror, whose index has the pinned digest."""
    url = f"{store['url'].rstrip('/')}/index.json"
    with fetch(url, timeout) as answer:
        content = answer.read()
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if found != store["digest"]:
        raise ArtifactError(
            f"{url} has the digest {found}, not {store['digest']}, which is pinned. "
            "Serve the bundle that was pinned, or pin this one in bastide:hosts.artifacts.digest."
        )
    return json.loads(content)["artifacts"]


def find(artifacts, name, version, arch):
    """The entry of an artifact. Raises `ArtifactError`, which names the versions that there are."""
    for entry in artifacts:
        if (entry["name"], entry["version"], entry["arch"]) == (name, version, arch):
            return entry
    there = sorted(f"{each['version']} for {each['arch']}" for each in artifacts if each["name"] == name)
    raise ArtifactError(
        f"the mirror has no {name} {version} for {arch}; it has {', '.join(there) or 'none at all'}. "
        "Put it into the bundle: `bastide nodes bundle`."
    )


def digest(path):
    """SHA-256 of a file in hex; empty where there is none."""
    if not path.is_file():
        return ""
    summed = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            summed.update(block)
    return summed.hexdigest()


def download(store, entry, target, timeout):
    """Write the file of `entry` to `target`; nothing stays there unless its digest is right."""
    url = f"{store['url'].rstrip('/')}/{entry['file']}"
    summed = hashlib.sha256()
    try:
        with fetch(url, timeout) as answer, target.open("wb") as file:
            while block := answer.read(_BLOCK):
                summed.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ArtifactError(
            f"{url} could not be written to {target.parent}: {error}. Free space there."
        ) from error
    if summed.hexdigest() != entry["sha256"]:
        raise ArtifactError(
            f"{url} has the digest sha256:{summed.hexdigest()}, the index says sha256:{entry['sha256']}. "
            "Copy the bundle to the mirror again: this file is damaged or was changed."
        )


def unpack(archive, folder):
    """Unpack a tar archive. Raises `ArtifactError` for members that would leave the folder."""
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            links = member.linkname if member.issym() else ""
            known = member.isfile() or member.isdir() or member.issym()
            if not known or any(_leaves(path) for path in (member.name, links)):
                text = f"the archive holds {member.name}, which does not belong there. Make it anew."
                raise ArtifactError(text)
        opened.extractall(folder)  # noqa: S202 - every member was looked at


def _leaves(path):
    return path.startswith("/") or ".." in PurePosixPath(path).parts


def place(given, entry):
    """Bring the artifact to its place; where it is told to, only look. Says whether that is a change."""
    if given["dest"]:
        target = Path(given["dest"])
        if digest(target) == entry["sha256"]:
            return False
    else:
        stamp = _stamp(given)
        if (
            stamp.is_file()
            and stamp.read_text().strip() == entry["sha256"]
            and Path(given["unpack"]).is_dir()
        ):
            return False
    if not given["check"]:
        _change(given, entry)
    return True


def _stamp(given):
    return Path(given["stamps"]) / f"{given['name']}.sha256"


def _change(given, entry):
    goal = Path(given["dest"] or given["unpack"])
    room = goal.parent if given["dest"] else goal
    room.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=room, prefix=".bastide-") as folder:
        fresh = Path(folder) / "artifact"
        download(given["store"], entry, fresh, given["timeout"])
        if given["dest"]:
            fresh.chmod(int(given["mode"], 8))
            fresh.replace(goal)
            return
        unpack(fresh, goal)
    stamp = _stamp(given)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(f"{entry['sha256']}\n")


def main():
    store = {"url": {"type": "str", "required": True}, "digest": {"type": "str", "required": True}}
    module = AnsibleModule(
        argument_spec={
            "store": {"type": "dict", "required": True, "options": store},
            "name": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "dest": {"type": "path"},
            "unpack": {"type": "path"},
            "mode": {"type": "str", "default": "0755"},
            "timeout": {"type": "int", "default": 30},
            "stamps": {"type": "path", "default": "/var/lib/bastide/artifacts"},
        },
        required_one_of=[("dest", "unpack")],
        mutually_exclusive=[("dest", "unpack")],
        supports_check_mode=True,
    )
    given = {**module.params, "check": module.check_mode}
    machine = platform.machine()
    arch = ARCHITECTURES.get(machine, machine)
    try:
        entry = find(index(given["store"], given["timeout"]), given["name"], given["version"], arch)
        changed = place(given, entry)
    except ArtifactError as error:
        module.fail_json(msg=f"{given['name']} {given['version']}: {error}")
    except OSError as error:
        module.fail_json(msg=f"{given['name']} {given['version']}: {error}")
    if given["dest"] and Path(given["dest"]).is_file():
        changed = module.set_mode_if_different(given["dest"], given["mode"], changed)
    module.exit_json(changed=changed, sha256=entry["sha256"])


if __name__ == "__main__":
    main()
