"""Images as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def print_rows(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """One line for each image; digests are cut, --json gives them whole."""
    table = Table(box=None, pad_edge=False)
    for title in ("image", "kind", "digest", "size", "proven"):
        table.add_column(title, justify="right" if title == "size" else "left", no_wrap=True)
    for row in rows:
        size = f"{row['size'] / 2**20:.1f} MiB" if row["size"] else ""
        proven = "" if not row["digest"] else "yes" if row["proven"] else "no"
        table.add_row(row["name"], row["kind"], row["digest"][:19] or "not built", size, proven)
    console.print(table)
