"""`python -m tests.support.gateway.load`: many calls at once, measured where they are made.

Takes JSON as its argument: `address` (`host:port`), `connections`, `calls` in all, `target`, `headers`,
`body` (a text). Prints JSON: `statuses` (how often each), `seconds` in all, `latencies` in milliseconds,
ascending; a call ends with the last byte of its answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any


async def answer(reader: asyncio.StreamReader) -> int:
    """Read one answer; its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    if "transfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        length = head.partition("content-length:")[2].split("\r\n", 1)[0]
        await reader.readexactly(int(length or 0))
    return int(head.split(" ", 2)[1])


async def caller(
    address: str, request: bytes, turns: Iterator[int], statuses: Counter[int], latencies: list[float]
) -> None:
    """One connection, as long as there are turns."""
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    for _ in turns:
        begun = time.perf_counter()
        writer.write(request)
        statuses[await answer(reader)] += 1
        latencies.append((time.perf_counter() - begun) * 1000)
    writer.close()


async def main(order: dict[str, Any]) -> dict[str, Any]:
    body = order["body"].encode()
    headers = {**order["headers"], "content-length": str(len(body))}
    lines = [f"POST {order['target']} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
    turns, statuses, latencies = iter(range(order["calls"])), Counter[int](), list[float]()
    begun = time.perf_counter()
    await asyncio.gather(
        *(caller(order["address"], request, turns, statuses, latencies) for _ in range(order["connections"]))
    )
    seconds = time.perf_counter() - begun
    return {"statuses": dict(statuses), "seconds": seconds, "latencies": sorted(latencies)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
