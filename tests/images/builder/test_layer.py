"""Layers: the same content gives the same bytes, and what a container has no use for stays out."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

from images.builder import slim
from images.builder.layer import LayerWriter

EPOCH = 1_000_000_000
STATUS = b"Package: perl-base\nStatus: install ok installed\n\nPackage: libc6\nStatus: install ok installed\n"


def base(path: Path, *, late: int = 0) -> Path:
    """A small root file system; `late` moves the times of its files."""
    files = {
        "./var/lib/dpkg/status": STATUS,
        "./var/lib/dpkg/info/perl-base.list": b"/.\n/usr\n/usr/bin/perl\n/usr/share/both\n/bin/old\n",
        "./var/lib/dpkg/info/libc6:amd64.list": b"/.\n/usr\n/usr/lib\n/usr/lib/libc.so.6\n/usr/share/both\n",
        "./usr/bin/perl": b"perl",
        "./usr/bin/old": b"merged",
        "./usr/bin/su": b"su",
        "./usr/lib/libc.so.6": b"libc",
        "./usr/share/both": b"both",
        "./var/cache/apt/list": b"list",
        "./etc/passwd": b"many",
    }
    with tarfile.open(path, "w") as out:
        for name in ("./usr", "./usr/bin"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, EPOCH + late
            out.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.uname = len(content), EPOCH + late, "somebody"
            entry.mode = 0o4755 if name.endswith("su") else 0o644
            out.addfile(entry, io.BytesIO(content))
        device = tarfile.TarInfo("./dev/null")
        device.type = tarfile.CHRTYPE
        out.addfile(device)
    return path


def layered(folder: Path, *, late: int = 0) -> Path:
    keep = slim.Keep(without=("perl-base",), globs=("var/cache/*", "var/lib/dpkg/info/*"))
    target = folder / f"layer-{late}"
    with LayerWriter(target, EPOCH) as out:
        slim.copy(base(folder / "base.tar", late=late), keep, {"etc/passwd": b"one"}, out)
        out.folder("/home/sandbox", owner=65532, mode=0o700)
        out.file("/opt/own/run", b"run", 0o755)
    with tarfile.open(target, "r:gz") as tree:
        assert out.size == sum(entry.size for entry in tree)
    return target


def test_what_is_dropped_goes_and_what_is_shared_stays(tmp_path: Path) -> None:
    with tarfile.open(layered(tmp_path), "r:gz") as tree:
        names = set(tree.getnames())
        read = {entry.name: file.read() for entry in tree.getmembers() if (file := tree.extractfile(entry))}
    assert {"usr/lib/libc.so.6", "usr/share/both", "usr/bin/su"} <= names
    assert not {"usr/bin/perl", "usr/bin/old", "dev/null", "var/cache/apt/list"} & names
    assert not any(name.startswith("var/lib/dpkg/info") for name in names)
    assert read["var/lib/dpkg/status"] == b"Package: libc6\nStatus: install ok installed\n"
    assert read["etc/passwd"] == b"one"


def test_nothing_runs_as_another_user(tmp_path: Path) -> None:
    with tarfile.open(layered(tmp_path), "r:gz") as tree:
        assert not [entry.name for entry in tree if entry.mode & 0o6000]
        home = tree.getmember("home/sandbox")
        assert (home.uid, home.gid, home.mode) == (65532, 65532, 0o700)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    first, later = layered(tmp_path).read_bytes(), layered(tmp_path, late=5).read_bytes()
    assert hashlib.sha256(first).digest() == hashlib.sha256(later).digest()


def test_a_folder_is_laid_in_with_its_modes_and_links(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "in/__pycache__").mkdir(parents=True)
    (source / "in/__pycache__/x.pyc").write_text("no")
    (source / "in/run").write_text("run")
    (source / "in/run").chmod(0o700)
    (source / "link").symlink_to("in/run")
    with LayerWriter(tmp_path / "layer", EPOCH) as out:
        out.tree(source, "/opt/own")
    with tarfile.open(tmp_path / "layer", "r:gz") as tree:
        told = {entry.name: (entry.mode, entry.uid, entry.linkname) for entry in tree}
    assert told["opt/own/in/run"] == (0o755, 0, "")
    assert told["opt/own/link"][2] == "in/run"
    assert not any("pycache" in name for name in told)
