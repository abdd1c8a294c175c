"""The verbs `bastide images …`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True, help="What machines and sandboxes start from: build, sign, verify.")

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Images; all if none is named.")]
Store = Annotated[
    Path | None, typer.Option("--store", help="The store; default: BASTIDE_IMAGES, else in the user's cache.")
]
Mirror = Annotated[str, typer.Option("--mirror", help="Mirror of Debian's archive, e.g. http://mirror.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def _store(folder: Path | None) -> Any:
    from cli.images.verbs import store

    return store(folder)


@app.command(name="list")
def list_(*, store: Store = None, as_json: Json = False) -> None:
    """List the images: what is defined, and what of it the store holds."""
    from cli.images import verbs, views

    rows = verbs.rows(_store(store))
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        views.print_rows(Console(soft_wrap=True), rows)


@app.command()
def build(
    names: Names = None,
    *,
    store: Store = None,
    mirror: Mirror = "",
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Programs of `bastide nodes bundle`.")
    ] = None,
    digest: Annotated[str, typer.Option("--digest", help="The bundle's digest, sha256:...")] = "",
    wheels: Annotated[Path | None, typer.Option("--wheels", help="Python packages, for air gaps.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Build although nothing has changed.")] = False,
    as_json: Json = False,
) -> None:
    """Build images into the store. What has not changed is not built again; what fails leaves nothing."""
    from cli.console import Steps
    from cli.images import verbs, views

    wanted = verbs.Wanted(mirror=mirror, bundle=bundle, digest=digest, wheels=wheels, again=again)
    console = Console(stderr=as_json, soft_wrap=True)
    rows = verbs.build(names or [], _store(store), wanted, Steps(console))
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        views.print_rows(console, rows)


PublicKey = Annotated[Path, typer.Option("--key", help="The public key of those who sign.")]
Passphrase = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File of the key's passphrase; else COSIGN_PASSWORD, else asked."),
]


@app.command()
def key(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the two files go.")],
    *,
    passphrase_file: Passphrase = None,
) -> None:
    """Make a pair of keys for signing, the private one encrypted, in the form that cosign reads."""
    from cli.images import verbs

    for path in verbs.key(folder, passphrase_file):
        typer.echo(path)


@app.command()
def sign(
    private: Annotated[Path, typer.Option("--key", help="The private key of `bastide images key`.")],
    *,
    store: Store = None,
    passphrase_file: Passphrase = None,
) -> None:
    """Sign the catalogue, and by its digests all images, after comparing every byte."""
    from cli.images import verbs

    typer.echo(verbs.sign(_store(store), private, passphrase_file))


@app.command()
def verify(public: PublicKey, *, store: Store = None, as_json: Json = False) -> None:
    """Prove that the store is what was signed, byte by byte. Before its images are used."""
    from cli.console import Steps
    from cli.images import verbs, views

    console = Console(stderr=as_json, soft_wrap=True)
    rows = verbs.verify(_store(store), public, Steps(console))
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        views.print_rows(console, rows)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    names: Names = None,
    *,
    public: PublicKey,
    store: Store = None,
) -> None:
    """Write verified images as files: disks, kernels, OCI archives, each with SBOM and provenance."""
    from cli.images import verbs

    for path in verbs.export(_store(store), names or [], folder, public):
        typer.echo(path)


@app.command()
def prune(*, store: Store = None) -> None:
    """Delete what no image of the store consists of any more."""
    from cli.images import verbs

    typer.echo(f"{len(verbs.prune(_store(store)))} files deleted")


@app.command()
def scan(
    names: Names = None,
    *,
    store: Store = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Security tracker's JSON, or a folder of OSV records.")
    ] = None,
    mirror: Mirror = "",
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the mirror.")] = False,
    fail_on: Annotated[str, typer.Option("--fail-on", help="Fail from this severity on, e.g. high.")] = "",
    as_json: Json = False,
) -> None:
    """List packages that are known to be weak, as far as there is data; says what nobody told of."""
    from cli.images import verbs
    from images.builder.scan import table

    wanted = verbs.Scanning(data=data, mirror=mirror, offline=offline, fail_on=fail_on)
    told, code = verbs.scan(_store(store), names or [], wanted)
    typer.echo(json.dumps([each.as_json() for each in told], indent=1) if as_json else table(told))
    raise typer.Exit(code)


@app.command()
def pin(names: Names = None, *, public: PublicKey, store: Store = None) -> None:
    """Write the digests of verified, proven images to where components and policies read them."""
    from cli.images import verbs

    changed = verbs.pin(_store(store), names or [], public)
    typer.echo(f"pinned: {', '.join(changed)}" if changed else "nothing has changed")
