# ruff: noqa: N802  (the protocol names the methods)
"""The language host: serves the engine's `LanguageRuntime` protocol for Python programs."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2, json_format

from twin.plugins.python import packages
from twin.plugins.python.children import Children
from twin.plugins.python.options import Interpreter, OptionError, interpreter
from twin.plugins.python.stubs import language_pb2 as lang
from twin.plugins.python.stubs import language_pb2_grpc, plugin_pb2

_FOLDER = Path(__file__).resolve().parent
_PROGRAM = _FOLDER / "program.py"
_PACK = _FOLDER / "pack.py"
_SHOWN = 32  # see program.py


def _options(info: lang.ProgramInfo) -> dict[str, Any]:
    return json_format.MessageToDict(info.options) if info.HasField("options") else {}


def _interpreter(info: lang.ProgramInfo, context: grpc.ServicerContext) -> Interpreter:
    """The interpreter for a program; ends the call with a plain message where the options are wrong."""
    try:
        return interpreter(Path(info.root_directory or info.program_directory), _options(info))
    except OptionError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        raise


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """Answers every call of the engine; those that generate code or packages are refused."""

    def __init__(self, engine: str, version: str, children: Children) -> None:
        self._engine = engine
        self._version = version
        self._children = children

    def Handshake(
        self, request: lang.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> lang.LanguageHandshakeResponse:
        self._engine = request.engine_address or self._engine
        return lang.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._version)

    def GetRequiredPackages(
        self, request: lang.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> lang.GetRequiredPackagesResponse:
        """The plug-ins that the installed packages need, as far as they are at hand.

        A missing one is left to its first use, where the engine names it: reported here, the engine would
        try to download it for a program that may not use it, on a machine that has no way out.
        """
        response = lang.GetRequiredPackagesResponse()
        for plugin in packages.plugin_packages(_interpreter(request.info, context).packages):
            if packages.at_hand(plugin):
                dependency = response.packages.add(
                    name=plugin.name, version=plugin.version, kind="resource", server=plugin.server
                )
                if plugin.parameterization:
                    json_format.ParseDict(dict(plugin.parameterization), dependency.parameterization)
        return response

    def GetProgramDependencies(
        self, request: lang.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> lang.GetProgramDependenciesResponse:
        site = _interpreter(request.info, context).packages
        found = packages.dependencies(site, transitive=request.transitiveDependencies)
        return lang.GetProgramDependenciesResponse(
            dependencies=[lang.DependencyInfo(name=name, version=version) for name, version in found]
        )

    def About(self, request: lang.AboutRequest, context: grpc.ServicerContext) -> lang.AboutResponse:
        python = _interpreter(request.info, context)
        printed = subprocess.run([python.executable, "-V"], capture_output=True, text=True, check=True).stdout
        return lang.AboutResponse(
            executable=str(python.executable),
            version=printed.removeprefix("Python ").strip(),
            metadata={"toolchain": python.toolchain},
        )

    def InstallDependencies(
        self, request: lang.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[lang.InstallDependenciesResponse]:
        """Installs nothing: environments are made by the project's own lock file; says whether one is fit."""
        python = _interpreter(request.info, context)
        if not (python.packages / "pulumi").is_dir():
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"{python.prefix} lacks the Pulumi SDK: install the project's dependencies there "
                "(`uv sync`, or `pip install -r requirements.txt`)",
            )
        yield lang.InstallDependenciesResponse(stdout=f"Dependencies are in {python.prefix}\n".encode())

    def RuntimeOptionsPrompts(
        self, request: lang.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> lang.RuntimeOptionsResponse:
        """Asks nothing: every option has a default that works."""
        return lang.RuntimeOptionsResponse()

    def Template(self, request: lang.TemplateRequest, context: grpc.ServicerContext) -> lang.TemplateResponse:
        return lang.TemplateResponse()

    def Run(self, request: lang.RunRequest, context: grpc.ServicerContext) -> lang.RunResponse:
        info = request.info
        python = _interpreter(info, context)
        settings = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "stack": request.stack,
            "parallel": request.parallel,
            "dry_run": request.dryRun,
            "organization": request.organization,
            "root_directory": info.root_directory,
        }
        program = (Path(info.program_directory) / (info.entry_point or ".")).resolve()
        order = {
            "settings": settings,
            "program": str(program),
            "pwd": request.pwd,
            "args": list(request.args),
        }
        environ = python.environ()
        environ["PULUMI_CONFIG"] = json.dumps(dict(request.config))
        environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
        lifeline = self._children.lifeline
        child = self._children.start(
            [python.executable, "-u", _PROGRAM, json.dumps(order), str(lifeline)],
            env=environ,
            pass_fds=(lifeline,),
        )
        context.add_callback(lambda: self._children.stop(child))
        return _response(child.wait())

    def RunPlugin(
        self, request: lang.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[lang.RunPluginResponse]:
        info = request.info
        python = _interpreter(info, context)
        environ = python.environ() | dict(item.split("=", 1) for item in request.env if "=" in item)
        lifeline = self._children.lifeline
        pack = request.kind == "analyzer"
        command = [_PACK, str(lifeline)] if pack else []
        child = self._children.start(
            [python.executable, "-u", *command, info.program_directory, *request.args],
            cwd=info.program_directory if pack else request.pwd,
            env=environ,
            pass_fds=(lifeline,),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        context.add_callback(lambda: self._children.stop(child))
        yield from _stream(child)
        yield lang.RunPluginResponse(exitcode=child.wait())

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._children.stop_all()
        return empty_pb2.Empty()

    def Pack(self, request: lang.PackRequest, context: grpc.ServicerContext) -> lang.PackResponse:
        return _refused("pulumi package pack", context)

    def Link(self, request: lang.LinkRequest, context: grpc.ServicerContext) -> lang.LinkResponse:
        return _refused("linking of local packages", context)

    def GenerateProgram(
        self, request: lang.GenerateProgramRequest, context: grpc.ServicerContext
    ) -> lang.GenerateProgramResponse:
        return _refused("generation of a program", context)

    def GenerateProject(
        self, request: lang.GenerateProjectRequest, context: grpc.ServicerContext
    ) -> lang.GenerateProjectResponse:
        return _refused("generation of a project", context)

    def GeneratePackage(
        self, request: lang.GeneratePackageRequest, context: grpc.ServicerContext
    ) -> lang.GeneratePackageResponse:
        return _refused("generation of an SDK", context)


def _refused(what: str, context: grpc.ServicerContext) -> NoReturn:
    """End a call that this stand-in does not serve."""
    context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        f"{what} needs the official Python language host: install Pulumi from https://www.pulumi.com/docs/install",
    )
    raise AssertionError("abort returned")


def _response(code: int) -> lang.RunResponse:
    """How a program ended, in the engine's terms: `bail` means that the user has seen why."""
    if code == _SHOWN:
        return lang.RunResponse(bail=True)
    if code < 0:
        return lang.RunResponse(error=f"program was killed by {signal.Signals(-code).name}")
    return lang.RunResponse(error=f"program exited with non-zero exit code: {code}" if code else "")


def _stream(child: subprocess.Popen[bytes]) -> Iterator[lang.RunPluginResponse]:
    """A plug-in's output as it comes, until it closes both streams."""
    chunks: queue.SimpleQueue[lang.RunPluginResponse | None] = queue.SimpleQueue()

    def pump(name: str, stream: Any) -> None:
        while data := stream.read1(65536):
            chunks.put(lang.RunPluginResponse(**{name: data}))
        chunks.put(None)

    for name, stream in (("stdout", child.stdout), ("stderr", child.stderr)):
        threading.Thread(target=pump, args=(name, stream), daemon=True).start()
    for _ in range(2):
        while (chunk := chunks.get()) is not None:
            yield chunk
