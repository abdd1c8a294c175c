"""Files that leave a store have the image's name once."""

from __future__ import annotations

from pathlib import Path

from images.builder.export import export
from images.builder.layout import Layout
from tests.images.builder.stores import put


def test_a_file_has_the_images_name_once(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "store")
    layout.create()
    entry = put(layout, "node-generic", "disk", {"node-generic.raw": b"disk", "vmlinuz": b"kernel"})
    written = export(layout, "node-generic", entry, tmp_path / "out")
    assert {path.name for path in written} == {
        "node-generic.raw",
        "node-generic.vmlinuz",
        "node-generic.spdx.json",
        "node-generic.provenance.json",
    }
    assert (tmp_path / "out" / "node-generic.raw").read_bytes() == b"disk"
