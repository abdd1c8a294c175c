"""What a configuration names of our own images is what was proven."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.gateway import values
from components.gateway.values import guard
from components.model.loading import check_environment, load_environment
from components.model.own_images import FILE, OwnImage, read
from tests.support.configs import ENVIRONMENT, GOOD, TODAY

IMAGE = "      image: registry.site.example/site-guard@sha256:" + "0" * 64 + "\n"
OWNER = "    owner: "
CLOUD = "        externalNetwork: "
OPENSTACK = (
    "        images:\n          - {{name: {name}, url: 'https://images.site.example/x', "
    "digest: 'sha256:{digest}', format: {form}}}\n" + CLOUD
)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """The good configuration, with a guard of ours."""
    shutil.copytree(GOOD, tmp_path, dirs_exist_ok=True)
    edit(tmp_path, "platform", IMAGE, "")
    edit(tmp_path, "platform", OWNER, f"    registry: registry.site.example/bastide\n{OWNER}")
    return tmp_path


def edit(folder: Path, layer: str, old: str, new: str) -> None:
    path = folder / f"Pulumi.{ENVIRONMENT}.{layer}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def problems(folder: Path) -> list[tuple[str, str, str]]:
    found = check_environment(folder, ENVIRONMENT, today=TODAY)
    return [(each.path.removeprefix("config.bastide:"), each.rule, each.mend) for each in found]


def test_the_file_is_read() -> None:
    for name, image in read(FILE).items():
        assert image.name == name
        assert image.digest.startswith("sha256:")
        assert image.files


def test_a_guard_that_is_not_named_is_ours(folder: Path) -> None:
    assert problems(folder) == []
    platform = load_environment(folder, ENVIRONMENT, today=TODAY).platform
    assert platform.gateway
    manifests = values.prompt_guard(platform.gateway, {}, platform.platform.registry)
    assert image_of(manifests) == f"registry.site.example/bastide/guard@sha256:{'ab' * 32}"


def test_a_guard_that_is_named_is_that_one() -> None:
    gateway = load_environment(GOOD, ENVIRONMENT, today=TODAY).platform.gateway
    assert gateway
    assert image_of(values.prompt_guard(gateway, {})) == IMAGE.partition(": ")[2].strip()


def image_of(manifests: list[dict[str, object]]) -> object:
    [deployment] = [each for each in manifests if each["kind"] == "Deployment"]
    spec: dict[str, dict[str, dict[str, list[dict[str, object]]]]] = deployment["spec"]  # type: ignore[assignment]
    [container] = spec["template"]["spec"]["containers"]
    assert container["name"] == guard.NAME
    return container["image"]


def test_our_guard_needs_a_registry(folder: Path) -> None:
    edit(folder, "platform", "    registry: registry.site.example/bastide\n", "")
    [(path, rule, mend)] = problems(folder)
    assert path == "gateway.guardrails.image"
    assert "has no `registry`" in rule
    assert mend == "Add `registry` to `bastide:platform`."


def test_our_guard_must_be_pinned(folder: Path, pinned: dict[str, OwnImage]) -> None:
    del pinned["guard"]
    [(path, rule, _)] = problems(folder)
    assert path == "gateway.guardrails.image"
    assert "no guard of ours is pinned" in rule


@pytest.mark.parametrize(
    "value", ["https://registry.site.example", "Registry.example", "a/b:tag", "a//b", '"a "']
)
def test_a_registry_is_a_host_and_a_path(folder: Path, value: str) -> None:
    edit(folder, "platform", "registry.site.example/bastide", value)
    assert [path for path, _, _ in problems(folder)] == ["platform.registry"]


@pytest.mark.parametrize(
    ("name", "digest", "form", "mend"),
    [
        ("bastide-node-generic", "12" * 32, "qcow2", ""),
        ("bastide-node-generic", "34" * 32, "raw", ""),
        ("debian-13", "56" * 32, "raw", ""),
        ("bastide-node-generic", "34" * 32, "qcow2", f"Write `sha256:{'12' * 32}`."),
        ("bastide-node-generic", "56" * 32, "raw", f"Write `sha256:{'34' * 32}`."),
    ],
)
def test_a_node_image_has_the_bytes_of_ours(
    folder: Path, name: str, digest: str, form: str, mend: str
) -> None:
    more = OPENSTACK.format(name=name, digest=digest, form=form)
    edit(folder, "foundation", CLOUD, more)
    found = [each for each in problems(folder) if each[0].endswith(".digest")]
    if mend:
        [(path, rule, told)] = found
        assert path == "sites[0].openstack.images[0].digest"
        assert rule == f"must be what is pinned for `bastide-node-generic` as {form}"
        assert told == mend
    else:
        assert found == []


@pytest.mark.parametrize("name", ["bastide-node-nvidia", "bastide-node-generic2"])
def test_a_node_image_of_ours_is_pinned(folder: Path, name: str) -> None:
    edit(folder, "foundation", CLOUD, OPENSTACK.format(name=name, digest="56" * 32, form="raw"))
    [(path, rule, mend)] = [each for each in problems(folder) if "pinned" in each[1]]
    assert path == "sites[0].openstack.images[0].name"
    assert "no node image of that name is in components/upstream/images.yaml" in rule
    assert "pin it (docs/how-to/images.md)" in mend


def test_a_format_that_we_do_not_build_is_told(folder: Path, pinned: dict[str, OwnImage]) -> None:
    pinned["node-generic"] = OwnImage(
        name="node-generic",
        kind="disk",
        digest="sha256:" + "cd" * 32,
        files={"node-generic.raw": "sha256:" + "34" * 32},
    )
    more = OPENSTACK.format(name="bastide-node-generic", digest="12" * 32, form="qcow2")
    edit(folder, "foundation", CLOUD, more)
    assert [mend for path, _, mend in problems(folder) if path.endswith(".digest")] == [
        "Choose another format."
    ]
