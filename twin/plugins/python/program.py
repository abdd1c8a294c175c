"""Runs a user's program in its own process, by the program's own interpreter.

Started by the host as a file, so it may import nothing of this project. Argument 1 is the run request as
JSON (settings, program, working directory, arguments), argument 2 the descriptor of the lifeline: a pipe
whose other end the host holds, so that a program never outlives its host.
"""

import asyncio
import json
import logging
import os
import runpy
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SHOWN = 32
"""Exit code of a program that failed after its message was shown to the user."""
INTERRUPTED = 130
_CALLS_PER_OPERATION = 4


def _die_with_the_host(lifeline: int) -> None:
    def wait() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True, name="lifeline").start()


def _traceback_of(error: BaseException, program: str) -> str:
    """The traceback from the first frame of the user's program on."""
    folder = program if os.path.isdir(program) else os.path.dirname(program)  # noqa: PTH112, PTH120
    frames = traceback.extract_tb(error.__traceback__)
    ours = [i for i, frame in enumerate(frames) if frame.filename.startswith(folder + os.sep)]
    skipped = ours[0] if ours else len(frames)
    return "".join(traceback.format_exception(error, limit=skipped - len(frames))).rstrip()


def _entry(program: str) -> str:
    """The file to run; a program folder holds `__main__.py`."""
    entry = os.path.join(program, "__main__.py") if os.path.isdir(program) else program  # noqa: PTH112, PTH118
    return program if os.path.isfile(entry) else ""  # noqa: PTH113


def _run(request: dict[str, Any]) -> int:
    try:
        import pulumi  # noqa: PLC0415
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"{error}: install the Pulumi SDK in {sys.prefix} (`uv sync` or `pip install pulumi`)\n"
        )
        return 1
    program: str = request["program"]
    settings = pulumi.runtime.Settings(**request["settings"])
    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    )
    pulumi.runtime.configure(settings)
    if not _entry(program):
        pulumi.log.error(f"no Python program at {program}: a program folder needs a __main__.py")
        return SHOWN
    sys.argv = [program, *request["args"]]
    os.chdir(request["pwd"])
    return _execute(program, settings.parallel or 1)


def _execute(program: str, parallel: int) -> int:
    import pulumi  # noqa: PLC0415

    # A failed program leaves futures unresolved by design; asyncio's complaints would bury the cause.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(parallel, 1) * _CALLS_PER_OPERATION)
    loop.set_default_executor(executor)

    def main() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(main))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return SHOWN
    except Exception as error:
        pulumi.log.error(f"Program failed with an unhandled exception:\n{_traceback_of(error, program)}")
        return SHOWN
    return 0


def _main() -> None:
    sys.path.pop(0)
    _die_with_the_host(int(sys.argv[2]))
    try:
        code = _run(json.loads(sys.argv[1]))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        # The engine is ending: whatever threads still wait for it would only delay the end.
        os._exit(INTERRUPTED)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)


if __name__ == "__main__":
    _main()
