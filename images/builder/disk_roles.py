"""The `install` parts of the roles, applied to a tree: the very tasks that a running machine gets.

Programs that are no packages come from the bundle, which is served to the tree on the loopback.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from components.model import matrix
from components.upstream import catalog
from images.builder.debian import DISTRO
from images.builder.disk_definition import Accelerator, Disk
from images.builder.disk_inside import ENTER, Inside
from images.builder.errors import ImageError, failed
from images.builder.namespaces import CONTAINED

_COLLECTION: Final = Path(__file__).resolve().parents[2] / "ansible"
VENDORS: Final = "BASTIDE_VENDOR_MIRROR_"
"""With the name of the variant behind it: the URL of a package repository of the accelerators' maker."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what could not be had, the role says."""


@contextmanager
def served(bundle: Path | None, digest: str) -> Iterator[dict[str, str]]:
    """The bundle as roles want it; raises `ImageError` where there is none or its digest is another one."""
    if bundle is None:
        raise ImageError(
            "the roles need their programs (kubelet, containerd ...), and no bundle was given",
            "make one with `bastide nodes bundle FOLDER`, and give it by --bundle FOLDER --digest DIGEST",
        )
    index = bundle / "index.json"
    if not index.is_file():
        raise ImageError(f"{bundle} is no bundle: it has no index.json", "run `bastide nodes bundle` on it")
    found = f"sha256:{hashlib.sha256(index.read_bytes()).hexdigest()}"
    if found != digest:
        mend = "give the digest that `bastide nodes bundle` printed, or the bundle that was pinned"
        raise ImageError(f"bundle {bundle}: its digest is {found}, wanted is {digest}", mend)
    handler = functools.partial(_Quiet, directory=bundle)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {"url": f"http://127.0.0.1:{server.server_port}", "digest": digest}
        finally:
            server.shutdown()


def accelerator(
    variant: str, of: Accelerator | None, environ: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """The variables of the role `accelerator`; raises `ImageError` where its packages cannot be had."""
    if of is None:
        return {}
    supported = matrix.supported(of.vendor, of.family, of.model, of.software)
    if DISTRO not in supported["systems"]:
        raise ImageError(
            f"variant {variant}: {supported['combination']} of the version matrix is for "
            f"{', '.join(supported['systems'])}, the image is {DISTRO}",
            f"name versions of {of.vendor} for {DISTRO} in disk.yaml, once its maker supports it",
        )
    name = f"{VENDORS}{variant.upper()}"
    mirror = environ.get(name, "")
    if not mirror:
        raise ImageError(
            f"variant {variant}: the software of {of.vendor} is in no archive of Debian's",
            f"name the URL of a mirror of its package repository by {name}",
        )
    return {
        "accelerator_vendor": of.vendor,
        "accelerator_family": of.family,
        "accelerator_model": of.model,
        "accelerator_count": 0,
        "accelerator_software": of.software,
        "accelerator_supported": supported,
        "accelerator_repositories": [{"name": of.vendor, "url": mirror}],
    }


def install(inside: Inside, roles: Sequence[str], variables: Mapping[str, Any], scratch: Path) -> None:
    """Apply the `install` parts of `roles`; raises `ImageError` with the first fault and its mend."""
    nodes = scratch / "collections" / "ansible_collections" / "bastide" / "nodes"
    nodes.parent.mkdir(parents=True)
    nodes.symlink_to(_COLLECTION)
    book, report = scratch / "install.yml", scratch / "faults.json"
    book.write_text(yaml.safe_dump([_play(inside, roles, variables)], sort_keys=False))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(scratch),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(scratch / "collections"),
        "ANSIBLE_CALLBACKS_ENABLED": "bastide.nodes.faults",
        "ANSIBLE_LOCAL_TEMP": str(scratch / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "BASTIDE_FAULTS_REPORT": str(report),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [*CONTAINED, str(program), "-i", f"{_HOST},", str(book)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        faults = json.loads(report.read_text())["faults"] if report.exists() else []
        raise _fault(faults, done.stdout + done.stderr)


_HOST: Final = "image"


def _play(inside: Inside, roles: Sequence[str], variables: Mapping[str, Any]) -> dict[str, Any]:
    facts = {"gather_subset": ["!all", "!min", "distribution", "platform"]}
    steps: list[dict[str, Any]] = [{"name": "Gather facts", "ansible.builtin.setup": facts}]
    for role in roles:
        which = {"name": f"bastide.nodes.{role}", "tasks_from": "install"}
        steps.append({"name": f"Install {role}", "ansible.builtin.include_role": which})
    # Handlers restart what does not run here.
    steps.append({"name": "End before handlers", "ansible.builtin.meta": "end_play"})
    return {
        "name": "Install",
        "hosts": _HOST,
        "gather_facts": False,
        "environment": inside.environment(),
        "vars": {
            "ansible_connection": "bastide.nodes.tree",
            "ansible_host": str(inside.tree),
            "ansible_tree_enter": list(ENTER),
            "ansible_python_interpreter": "/usr/bin/python3",
            "bastide_hardware": False,
            **variables,
        },
        "tasks": steps,
    }


def _fault(faults: Sequence[Mapping[str, str]], printed: str) -> ImageError:
    if not faults:
        return failed("roles", "ansible-playbook failed", printed)
    first = faults[0]
    return ImageError(f"roles: {first['step']}: {first['meaning']}: {first['said']}", first["mend"])


def variables(disk: Disk, variant: str, artifacts: Mapping[str, str]) -> dict[str, Any]:
    """What the roles are given: pinned versions, the bundle, and what the disk says of itself."""
    own = accelerator(variant, disk.accelerators.get(variant))
    return {**catalog.programs(), **disk.variables, "bastide_artifacts": dict(artifacts), **own}
