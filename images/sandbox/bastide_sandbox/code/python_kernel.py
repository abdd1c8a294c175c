"""Runs cells of Python in this process, one after the other; variables stay."""

from __future__ import annotations

import ast
import builtins
import contextlib
import json
import linecache
import os
import sys
import traceback
from types import ModuleType
from typing import IO, Any, Final

RESULT_CHARACTERS: Final = 65536
"""Longest result and traceback that is told; the rest is cut."""
CODE: Final = compile  # a cell may shadow the name


class PythonKernel:
    """The variables of a session, in a module `__main__` of its own."""

    def __init__(self) -> None:
        self.module = ModuleType("__main__")
        self.module.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = self.module
        self.cells = 0

    def run(self, code: str) -> dict[str, Any]:
        """Run a cell: `result` is the `repr` of its last expression, `error` what it raised."""
        self.cells += 1
        name = f"<cell {self.cells}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        try:
            return {"result": self._last(ast.parse(code, name), name), "error": None}
        except BaseException as error:
            return {"result": None, "error": _told(error)}

    def _last(self, tree: ast.Module, name: str) -> str | None:
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(CODE(tree, name, "exec"), self.module.__dict__)  # noqa: S102 (that is what it is for)
        if not isinstance(last, ast.Expr):
            return None
        value = eval(CODE(ast.Expression(last.value), name, "eval"), self.module.__dict__)  # noqa: S307
        return None if value is None else _cut(repr(value))


def _told(error: BaseException) -> dict[str, str]:
    frame = error.__traceback__
    while frame and not frame.tb_frame.f_code.co_filename.startswith("<cell "):
        frame = frame.tb_next
    try:
        message = str(error)
    except Exception:
        message = "(its text cannot be had)"
    lines = traceback.format_exception(type(error), error, frame)
    return {
        "code": "raised",
        "name": type(error).__name__,
        "message": _cut(message),
        "traceback": _cut("".join(lines)),
    }


def _cut(text: str) -> str:
    return text if len(text) <= RESULT_CHARACTERS else f"{text[:RESULT_CHARACTERS]}... (cut)"


def serve(control: IO[bytes], answers: IO[bytes]) -> None:
    """Run the cells that come over `control`, a JSON object a line, until it ends."""
    kernel, own = PythonKernel(), os.getpid()
    for line in control:
        asked = json.loads(line)
        outcome = kernel.run(asked["code"])
        if os.getpid() != own:  # a cell forked, and this is the child
            os._exit(0)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        answers.write(json.dumps({**outcome, "cell": asked["cell"]}).encode() + b"\n")
        answers.flush()
