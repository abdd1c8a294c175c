"""The provider: serves the engine's `ResourceProvider` protocol for Kubernetes objects."""

from __future__ import annotations

import json
import threading

import grpc
from google.protobuf import empty_pb2

from twin.plugins.kubernetes import operations
from twin.plugins.kubernetes.answers import PartialError, answering
from twin.plugins.kubernetes.check import CheckError, checked
from twin.plugins.kubernetes.comparison import diff, diff_config
from twin.plugins.kubernetes.construct import construct
from twin.plugins.kubernetes.engine import Engine
from twin.plugins.kubernetes.invoke import invoke
from twin.plugins.kubernetes.kinds import kind_of_type, resource_type
from twin.plugins.kubernetes.naming import NamingError
from twin.plugins.kubernetes.objects import identifier
from twin.plugins.kubernetes.reading import read
from twin.plugins.kubernetes.session import ClusterUnreachableError, Session
from twin.plugins.kubernetes.settings import KEYS, Settings
from twin.plugins.kubernetes.state import checkpoint, manager_of, program_inputs, read_state
from twin.plugins.kubernetes.stubs import plugin_pb2, provider_pb2, provider_pb2_grpc
from twin.plugins.kubernetes.values import Object, pack, plain, unpack
from twin.plugins.kubernetes.waiting import NotReadyError, Report


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider process: configured once, then asked by many threads at once."""

    def __init__(self, version: str, engine: Engine) -> None:
        self._version = version
        self._engine = engine
        self._stopping = threading.Event()
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        if self._session is None:
            raise ClusterUnreachableError("the provider is not configured yet")
        return self._session

    @answering
    def Handshake(  # noqa: N802
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        self._engine.attach(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, supports_autonaming_configuration=True
        )

    @answering
    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        self._engine.attach(request.address)
        return empty_pb2.Empty()

    @answering
    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self._version)

    @answering
    def GetSchema(  # noqa: N802
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        """The package's name and version: its types are in the SDKs, which are generated elsewhere."""
        return provider_pb2.GetSchemaResponse(
            schema=json.dumps({"name": "kubernetes", "version": self._version})
        )

    @answering
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        unknown = [key for key in unpack(request.news) if key not in (*KEYS, "version", "pluginDownloadURL")]
        for key in unknown:
            self._engine.warn(f"kubernetes:{key} is not a setting of the Kubernetes provider", request.urn)
        return provider_pb2.CheckResponse(inputs=request.news)

    @answering
    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        return diff_config(request)

    @answering
    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        self._session = Session(Settings.of(request.variables), self._engine, self._stopping)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @answering
    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        wrapped = unpack(request.news)
        try:
            kind = kind_of_type(resource_type(request.urn))
            inputs = checked(self.session, kind, request, wrapped, unpack(request.olds))
        except CheckError as error:
            failure = provider_pb2.CheckFailure(property=error.path, reason=str(error))
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        except NamingError as error:
            return provider_pb2.CheckResponse(
                inputs=request.news,
                failures=[provider_pb2.CheckFailure(property="metadata.name", reason=str(error))],
            )
        return provider_pb2.CheckResponse(inputs=pack(inputs))

    @answering
    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        return diff(self.session, request)

    @answering
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        wrapped = unpack(request.properties)
        if request.preview and not self.session.reachable:
            return provider_pb2.CreateResponse(properties=request.properties)
        order = self._order(request.urn, program_inputs(wrapped), request.timeout, preview=request.preview)
        reasons: str | None = None
        try:
            live = operations.create(self.session.api, order, self._report(request.urn))
        except NotReadyError as error:
            live, reasons = error.live, str(error)
        if live is None:
            return provider_pb2.CreateResponse(properties=request.properties)
        state = self._checkpoint(order, live, wrapped)
        if reasons is not None:
            raise PartialError(
                identifier(live),
                state,
                f"{order.kind.name} {identifier(live)} was created, but is not ready: {reasons}",
            )
        return provider_pb2.CreateResponse(
            id="" if request.preview else identifier(live), properties=pack(state)
        )

    @answering
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        wrapped, state = unpack(request.news), read_state(unpack(request.olds))
        if request.preview and not self.session.reachable:
            return provider_pb2.UpdateResponse(properties=request.news)
        order = self._order(
            request.urn,
            program_inputs(wrapped),
            request.timeout,
            preview=request.preview,
            recorded=state.manager,
        )
        reasons: str | None = None
        try:
            live = operations.update(
                self.session.api, order, state.live, request.ignoreChanges, self._report(request.urn)
            )
        except NotReadyError as error:
            live, reasons = error.live, str(error)
        if live is None:
            return provider_pb2.UpdateResponse(properties=request.news)
        recorded = self._checkpoint(order, live, wrapped, state.api_version)
        if reasons is not None:
            raise PartialError(
                request.id,
                recorded,
                f"{order.kind.name} {request.id} was updated, but is not ready: {reasons}",
            )
        if not request.preview and state.manager and state.manager != order.manager:
            operations.relinquish(self.session.api, order.kind, live, state.manager)
        return provider_pb2.UpdateResponse(properties=pack(recorded))

    @answering
    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        return read(self.session, self._engine, request)

    @answering
    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        session = self.session
        if not session.reachable and session.settings.delete_unreachable:
            self._engine.warn("the cluster is unreachable: the resource leaves the state only", request.urn)
            return empty_pb2.Empty()
        kind, state = kind_of_type(resource_type(request.urn)), read_state(unpack(request.properties))
        if kind.patch:
            operations.relinquish(
                session.api, kind, state.live, manager_of(request.urn, state.inputs, state.manager)
            )
            return empty_pb2.Empty()
        report = self._report(request.urn)
        operations.delete(session.api, kind, state.live, state.inputs, request.timeout, report)
        return empty_pb2.Empty()

    @answering
    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        result = invoke(self.session, request.tok, plain(unpack(request.args)))
        answer = provider_pb2.InvokeResponse()
        getattr(answer, "return").CopyFrom(pack(result))  # a keyword of Python
        return answer

    @answering
    def Construct(  # noqa: N802
        self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        return construct(self.session, self._version, request)

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        self._stopping.set()
        return empty_pb2.Empty()

    def _order(
        self, urn: str, inputs: Object, timeout: float, *, preview: bool, recorded: str = ""
    ) -> operations.Order:
        kind = kind_of_type(resource_type(urn))
        return operations.Order(
            urn=urn,
            kind=kind,
            inputs=inputs,
            manager=manager_of(urn, inputs, recorded),
            timeout=timeout,
            preview=preview,
            patch_force=self.session.settings.patch_force,
            is_defined=lambda: self.session.defines(kind),
        )

    def _checkpoint(
        self, order: operations.Order, live: Object, wrapped: Object, api_version: str = ""
    ) -> Object:
        return checkpoint(live, order.inputs, wrapped, api_version=api_version, manager=order.manager)

    def _report(self, urn: str) -> Report:
        last = [""]

        def report(message: str) -> None:
            if message != last[0]:
                last[0] = message
                self._engine.progress(message, urn)

        return report
