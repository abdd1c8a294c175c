"""A small client of the Bare Metal API (Ironic) over the standard library.

Source: https://docs.openstack.org/api-ref/baremetal/
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

MICROVERSION = "1.45"  # the first with reset_interfaces; every release since Stein speaks it
BUSY = {
    "verifying",
    "inspecting",
    "inspect wait",
    "cleaning",
    "clean wait",
    "deploying",
    "wait call-back",
    "deleting",
}
FAILED = {"inspect failed", "clean failed", "error", "deploy failed", "adopt failed"}


class IronicError(Exception):
    """The API refused or did not answer; the text names the URL, what it said and the mend."""


class Ironic:
    """One Bare Metal API, as one caller; the token stays in memory only."""

    def __init__(self, endpoint, token="", ca="", timeout=30):
        """`ca` is a file of authorities, else the system's are used; `timeout` is in seconds."""
        self.endpoint = endpoint.rstrip("/").removesuffix("/v1")
        self.token = token
        self.timeout = timeout
        self.context = ssl.create_default_context(cafile=ca or None)

    def call(self, method, path, body=None, allowed=()):
        """The parsed answer; None for a status of `allowed`. Waits while another holds the node."""
        headers = {"X-OpenStack-Ironic-API-Version": MICROVERSION}
        if self.token:
            headers["X-Auth-Token"] = self.token
        for attempt in range(10):
            status, answer, _ = request(method, f"{self.endpoint}/v1{path}", body, headers, self)
            if status == 409 and "locked" in explained(answer) and attempt < 9:
                time.sleep(1 + attempt)
                continue
            if status in allowed:
                return None
            if status >= 400:
                raise IronicError(
                    f"{method} {self.endpoint}/v1{path}: {status}, {explained(answer)}. {_mend(status)}"
                )
            return answer
        raise AssertionError("the last attempt returns or raises")

    def node(self, name):
        """The node of that name; None where there is none."""
        return self.call("GET", f"/nodes/{urllib.parse.quote(name)}", allowed=(404,))

    def ports(self, uuid):
        """The ports of a node."""
        return self.call("GET", f"/ports/detail?node={uuid}")["ports"]

    def move(self, uuid, target, wanted, timeout):
        """Ask for a change of the provision state and wait until it is `wanted`; `timeout` is in seconds."""
        self.call("PUT", f"/nodes/{uuid}/states/provision", {"target": target})
        end = time.monotonic() + timeout
        while True:
            node = self.node(uuid)
            state = node["provision_state"]
            if state == wanted:
                return node
            if state in FAILED or (state not in BUSY and not node.get("target_provision_state")):
                said = node.get("last_error") or "no error was told"
                raise IronicError(
                    f"it went to {state!r} instead of {wanted!r} after {target!r}: {said}. "
                    "Mend: check address, user, password and certificate of its controller (BMC), run again."
                )
            if time.monotonic() > end:
                raise IronicError(
                    f"it is still {state!r} after {timeout} s, waiting for {wanted!r}. "
                    "Mend: look at the conductor's log, then run again: it goes on from there."
                )
            time.sleep(0.5)


def request(method, url, body, headers, client):
    """Status, parsed answer and headers of one request. Raises `IronicError` where nothing answers."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Accept": "application/json", "Content-Type": "application/json", **headers}
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise IronicError(f"{url} is no address of an API. Mend: write it as https://baremetal.example:6385.")
    asked = urllib.request.Request(url, data=data, headers=sent, method=method)  # noqa: S310 - http(s) only
    try:
        with urllib.request.urlopen(asked, timeout=client.timeout, context=client.context) as answer:  # noqa: S310
            return answer.status, parsed(answer.read()), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, parsed(error.read()), error.headers
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise IronicError(
            f"reached out to {url}: {reason}. Mend: check the endpoint and the way to it."
        ) from error


def parsed(content):
    """The JSON of an answer; its text where it is none."""
    try:
        return json.loads(content) if content else {}
    except ValueError:
        return {"error_message": content.decode(errors="replace")[:300]}


def explained(answer):
    """What an error answer says: Ironic nests JSON in JSON, Keystone does not."""
    told = answer.get("error_message") or answer.get("error") or answer
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except ValueError:
            return told
    return (
        str(told.get("faultstring") or told.get("message") or told) if isinstance(told, dict) else str(told)
    )


def _mend(status):
    if status in {401, 403}:
        return "Mend: name a user who may enrol nodes (baremetal_admin), and its project or system."
    if status == 404:
        return "Mend: check that the endpoint is that of the Bare Metal API."
    return "Mend: correct the entry of the node, run again."


def authenticate(auth, ca="", timeout=30):
    """Token and Bare Metal endpoint from Keystone (v3), by application credential or by password."""
    client = Ironic(auth["auth_url"], "", ca, timeout)
    url = f"{auth['auth_url'].rstrip('/').removesuffix('/v3')}/v3/auth/tokens"
    status, answer, headers = request("POST", url, {"auth": identity(auth)}, {}, client)
    if status >= 400:
        raise IronicError(f"{url} refused {_who(auth)}: {status}, {explained(answer)}. {_mend(401)}")
    for service in answer["token"].get("catalog") or []:
        for endpoint in service["endpoints"] if service["type"] == "baremetal" else []:
            right = auth.get("region") in {None, "", endpoint.get("region")}
            if endpoint["interface"] == "public" and right:
                return headers["X-Subject-Token"], endpoint["url"]
    raise IronicError(
        f"{url}: the catalogue has no public endpoint of type baremetal. Mend: give `endpoint`."
    )


def identity(auth):
    """The body by which Keystone is asked for a token."""
    if auth.get("application_credential_id"):
        credential = {
            "id": auth["application_credential_id"],
            "secret": auth["application_credential_secret"],
        }
        return {"identity": {"methods": ["application_credential"], "application_credential": credential}}
    user = {
        "name": auth["username"],
        "password": auth["password"],
        "domain": {"name": auth.get("user_domain_name") or "Default"},
    }
    scope = {"system": {"all": True}}
    if auth.get("project_name"):
        domain = {"name": auth.get("project_domain_name") or "Default"}
        scope = {"project": {"name": auth["project_name"], "domain": domain}}
    return {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}


def _who(auth):
    return auth.get("username") or f"application credential {auth.get('application_credential_id')}"
