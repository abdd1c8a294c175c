"""A sink of journals that answers as systemd-journal-remote does: keeps what comes in a file."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Sink(BaseHTTPRequestHandler):
    """Takes chunked uploads."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # the name that the library calls
        with Path(sys.argv[1]).open("ab") as file:
            while size := int(self.rfile.readline(), 16):
                file.write(self.rfile.read(size))
                file.flush()
                self.rfile.readline()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()


HTTPServer(("127.0.0.1", 19532), Sink).serve_forever()
