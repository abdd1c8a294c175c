"""Rotation and exit against a real API server; the part of External Secrets is played."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from cli.outcome import Exit
from cli.provider import evidence, rotation
from cli.provider.purge import purged
from components.cluster import MERGE_PATCH, ApiError, Cluster
from tests.cli.conftest import ExternalSecrets, LiveSite, aged
from tests.cli.inprocess import invoke
from tests.support.small import apply

pytestmark = pytest.mark.plane

HOME = "/api/v1/namespaces/bastide-gateway"
KEY = f"{HOME}/secrets/provider-abroad"
STORED = "providers/abroad/api-key"
REVOKED = ("--revoked-at", "2026-06-02", "--revocation-reference", "mail of 2 June")
EXTERNAL = "/apis/external-secrets.io/v1/namespaces/bastide-gateway/externalsecrets/provider-abroad"


def wait(ask: Any) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if found := ask():
                return found
        except ApiError as error:
            if error.code != 404:
                raise
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_a_providers_key_is_replaced_and_never_shown(live_site: LiveSite, live: Cluster) -> None:
    with ExternalSecrets(live) as external:
        external.store[STORED] = "sk-old-value"
        external.seen.clear()
        wait(lambda: live.get(KEY)["data"]["apiKey"] == "c2stb2xkLXZhbHVl")
        external.store[STORED] = "sk-new-value"
        done = live_site.provider("rotate", "abroad", "--seconds", "20", "--json")
    assert done.code == Exit.OK, done.text
    (rotated,) = done.json["rotated"]
    assert (rotated["secret"], rotated["keys"]) == ("bastide-gateway/provider-abroad", 1)
    assert live.get(KEY)["data"]["apiKey"] == "c2stbmV3LXZhbHVl"
    told = done.text + Path(done.json["record"]).read_text()
    assert not any(value in told for value in ("sk-old", "sk-new", "c2stb", "c2stbmV3"))


def test_a_key_that_stays_the_same_is_said(live_site: LiveSite, live: Cluster) -> None:
    with ExternalSecrets(live) as external:
        external.store[STORED] = "sk-same"
        external.seen.clear()
        wait(lambda: live.get(KEY)["data"]["apiKey"] == "c2stc2FtZQ==")
        done = live_site.provider("rotate", "abroad", "--seconds", "1")
    assert done.code == Exit.FINDING
    assert "provider-abroad" in done.err
    assert "replace the value in the secret store" in done.err
    assert live_site.records("abroad") == []


def test_what_external_secrets_says_against_it_is_passed_on(live_site: LiveSite, live: Cluster) -> None:
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "SecretSyncedError",
        "message": "could not get it",
    }
    live.request(
        "PATCH", f"{EXTERNAL}/status", {"status": {"conditions": [condition]}}, content_type=MERGE_PATCH
    )
    done = live_site.provider("rotate", "abroad", "--seconds", "0.5")
    assert done.code == Exit.FINDING
    assert "could not get it" in done.err


def test_without_its_external_secret_nothing_is_rotated(live_site: LiveSite, live: Cluster) -> None:
    live.request("DELETE", EXTERNAL)
    done = live_site.provider("rotate", "abroad", "--seconds", "1")
    assert done.code == Exit.DRIFT
    assert "bastide up" in done.err


def test_virtual_keys_of_a_tenant_are_all_replaced(live_site: LiveSite, live: Cluster) -> None:
    keys = "/api/v1/namespaces/acme-gateway/secrets/keys-0"
    with ExternalSecrets(live):
        before = wait(lambda: live.get(keys)["data"])
        done = live_site.provider("rotate", "--keys", "--tenant", "acme", "--seconds", "30", "--json")
    assert done.code == Exit.OK, done.text
    after = live.get(keys)["data"]
    assert before.keys() == after.keys()
    assert len(after) == 2
    assert all(before[key] != after[key] for key in after)
    assert done.json["rotated"][0]["keys"] == 2


def test_the_age_of_every_key_is_told(live_site: LiveSite, live: Cluster) -> None:
    never = live_site.provider("rotate", "--check", "--json")
    assert never.code == Exit.FINDING
    assert {key["hours"] for key in never.json["keys"]} == {None}
    with ExternalSecrets(live):
        wait(lambda: live.get(KEY))
        wait(lambda: live.get("/api/v1/namespaces/acme-gateway/secrets/keys-0"))
    aged(live, "key-bob-desk", 23.9)
    young = live_site.provider("rotate", "--check", "--json")
    assert young.code == Exit.OK, young.text
    assert len(young.json["keys"]) == 3
    aged(live, "key-bob-desk", 24.1)
    old = live_site.provider("rotate", "--check")
    assert old.code == Exit.FINDING
    (line,) = (line for line in old.out.splitlines() if "key-bob-desk" in line)
    assert "24.1 h" in line
    assert "2 of 3 keys" in old.out


def test_age_is_that_of_the_value_not_of_the_object(live_site: LiveSite, live: Cluster) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "provider-abroad", "namespace": "bastide-gateway"},
    }
    apply(live, {**secret, "data": {"apiKey": "YQ=="}})
    made = rotation._changed(live, "provider-abroad")
    time.sleep(1.1)
    live.request("PATCH", KEY, {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE_PATCH)
    apply(live, {**secret, "data": {"apiKey": "YQ=="}})
    assert rotation._changed(live, "provider-abroad") == made, "nothing of the value changed"
    time.sleep(1.1)
    apply(live, {**secret, "data": {"apiKey": "Yg=="}})
    changed = rotation._changed(live, "provider-abroad")
    assert made is not None
    assert changed is not None
    assert changed > made


def drainable(site: LiveSite) -> None:
    """Let another provider serve the model too."""
    one = "          - {provider: abroad, model: large-1, weight: 100}\n"
    both = one.replace("100", "60") + "          - {provider: halls, model: qwen3-32b, weight: 40}\n"
    site.edit(one, both)
    site.up()


def test_an_exit_from_the_first_step_to_the_record(live_site: LiveSite, live: Cluster) -> None:
    drainable(live_site)
    with ExternalSecrets(live):
        wait(lambda: live.get(KEY))
    begun = live_site.provider("exit", "abroad", "--drain", "--yes")
    assert begun.code == Exit.OK, begun.text
    too_early = live_site.provider("exit", "abroad", "--finish", "--yes")
    assert too_early.code == Exit.FINDING
    assert "routes to its models: acme-gateway/" in too_early.err
    assert "state: exiting" in live_site.text

    live_site.up()
    drained = live_site.provider("exit", "abroad", "--finish", "--yes", "--json")
    assert drained.code == Exit.OK, drained.text
    assert drained.json["state"] == "gone"
    assert "state: gone" in live_site.text
    left = live_site.provider("exit", "abroad", "--finish", *REVOKED)
    assert left.code == Exit.FINDING
    for what in (
        "its backends",
        "its addresses",
        "its use of a key",
        "its key",
        "where its key comes from",
        "its entry",
    ):
        assert f"{what}" in left.err

    live_site.up()
    secret = live_site.provider("exit", "abroad", "--finish", *REVOKED)
    assert secret.code == Exit.FINDING, "External Secrets is not there to delete the Secret"
    assert "left: its key: bastide-gateway/provider-abroad" in secret.err
    live.request("DELETE", KEY)

    unsaid = live_site.provider("exit", "abroad", "--finish", "--revoked-at", "2999-01-01")
    assert unsaid.code == Exit.USAGE
    assert "must not be in the future" in unsaid.err
    assert "--revocation-reference" in unsaid.err
    assert live_site.records("abroad") == ["exit", "drained"]

    done = live_site.provider("exit", "abroad", "--finish", *REVOKED, "--json")
    assert done.code == Exit.OK, done.text
    record = json.loads(Path(done.json["record"]).read_text())
    assert record == done.json["purge"]
    assert record["digest"] == evidence.digest({key: record[key] for key in record if key != "digest"})
    assert record["revocation"] == {"key": STORED, "at": "2026-06-02", "reference": "mail of 2 June"}
    assert record["identity"]
    assert len(record["checks"]) == 11
    assert {len(check["left"]) for check in record["checks"]} == {0}
    looked = {check["what"]: check["objects"] for check in record["checks"]}
    assert looked["routes to its models"] > 0, "what was looked at was there to be seen"
    assert looked["its backends"] == 1

    again = live_site.provider("exit", "abroad", "--finish", "--json")
    assert (again.code, again.json["record"]) == (Exit.OK, done.json["record"])
    assert live_site.records("abroad") == ["exit", "drained", "purged"]


def test_a_record_that_was_tampered_with_counts_for_nothing(live_site: LiveSite, live: Cluster) -> None:
    drainable(live_site)
    live_site.provider("exit", "abroad", "--drain", "--yes")
    live_site.up()
    live_site.provider("exit", "abroad", "--finish", "--yes")
    live_site.up()
    first = live_site.provider("exit", "abroad", "--finish", *REVOKED, "--json")
    assert first.code == Exit.OK, first.text
    path = Path(first.json["record"])
    path.write_text(path.read_text().replace("mail of 2 June", "mail of 3 June"))
    unsaid = live_site.provider("exit", "abroad", "--finish", "--json")
    assert unsaid.code == Exit.USAGE, "it is proved anew, and asked for anew"


@pytest.mark.parametrize("place", ["route", "mirror", "grant", "settings", "copy"])
def test_hidden_leftovers_are_found(place: str, live_site: LiveSite, live: Cluster) -> None:
    """The part of the proof that no stack of ours answers for: somebody else's objects."""
    there = {"name": "ghost", "namespace": "bastide-gateway"}
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": there}}
    manifests: dict[str, dict[str, Any]] = {
        "route": {**route, "spec": {"rules": [{"backendRefs": [there]}]}},
        "mirror": {**route, "spec": {"rules": [{"filters": [mirror]}]}},
        "grant": {
            "apiVersion": "gateway.networking.k8s.io/v1beta1",
            "kind": "ReferenceGrant",
            "spec": {"to": [{"group": "", "kind": "Backend", "name": "ghost"}]},
        },
        "settings": {
            "apiVersion": "v1",
            "kind": "Secret",
            "stringData": {"filter-config.yaml": "backends: [acme-gateway/ghost/route/keys/rule/0/ref/0]"},
        },
    }
    manifests["copy"] = manifests["settings"]
    spaces = {"route": "acme-gateway", "mirror": "acme-gateway", "copy": "envoy-gateway-system"}
    namespace = spaces.get(place, "bastide-gateway")
    manifest = {**manifests[place], "metadata": {"name": "stray", "namespace": namespace}}
    assert [check.what for check in purged(live, "ghost") if check.left] == []
    if place == "copy":
        apply(live, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    apply(live, manifest)
    live_site.made[place] = manifest
    (found,) = (check for check in purged(live, "ghost") if check.left)
    assert found.left == (f"{namespace}/stray",)


def test_a_provider_in_the_cluster_is_asked_through_the_api_server(live_site: LiveSite) -> None:
    live_site.edit(
        "lifecycle: {state: admitted, since: 2026-06-01", "lifecycle: {state: degraded, since: 2026-06-01"
    )
    done = live_site.provider("admit", "halls", "--tries", "1", "--yes")
    assert done.code == Exit.FINDING
    assert "/api/v1/namespaces/serving/services/http:vllm:8000/proxy/v1/models" in done.err
    assert "404" in done.err, "there is no such service on this control plane"


def test_usage_asks_the_proxies_that_run(live_site: LiveSite, live: Cluster) -> None:
    none = invoke("usage", "site", "--config", live_site.config, env=live_site.env)
    assert none.code == Exit.UNREACHABLE
    assert "no proxy runs in bastide-gateway" in none.err
    labels = {
        "app.kubernetes.io/component": "proxy",
        "gateway.envoyproxy.io/owning-gateway-name": "ai",
        "gateway.envoyproxy.io/owning-gateway-namespace": "bastide-gateway",
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "proxy", "namespace": "bastide-gateway", "labels": labels},
        "spec": {
            "containers": [
                {
                    "name": "envoy",
                    "image": "registry.example/envoy:1",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ]
        },
    }
    wait(lambda: live.get("/api/v1/namespaces/bastide-gateway/serviceaccounts/default"))
    apply(live, pod)
    live_site.made["pod"] = pod
    done = invoke("usage", "site", "--config", live_site.config, env=live_site.env)
    assert done.code == Exit.UNREACHABLE
    assert "have printed nothing" in done.err
    assert "--from" in done.err
