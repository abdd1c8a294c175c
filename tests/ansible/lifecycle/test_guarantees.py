"""Who may leave: quorum, guarantees of amounts and of device classes, versions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.plugins import load

guarantees = load("plugins/plugin_utils/guarantees.py")
skew = load("plugins/plugin_utils/skew.py")


def node(name: str, cpu: str = "8", ready: str = "True", **spec: Any) -> dict[str, Any]:
    status = {
        "allocatable": {"cpu": cpu, "memory": "64Gi"},
        "conditions": [{"type": "Ready", "status": ready}],
    }
    return {"kind": "Node", "metadata": {"name": name, "labels": {}}, "spec": spec, "status": status}


def control(name: str, ready: str = "True") -> dict[str, Any]:
    made = node(
        name, ready=ready, taints=[{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    )
    made["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
    return made


def quota(tenant: str, **hard: str) -> dict[str, Any]:
    labels = {"bastide.dev/tenant": tenant} if tenant else {}
    spec = {"hard": {key.replace("_", "."): value for key, value in hard.items()}}
    return {"kind": "ResourceQuota", "metadata": {"name": "quota", "labels": labels}, "spec": spec}


def devices(on: str, count: int, kind: str = "gpu", memory: str = "80Gi") -> dict[str, Any]:
    one = {
        "attributes": {"kind": {"string": kind}, "generation": {"int": 4}},
        "capacity": {"memory": {"value": memory}},
    }
    return {
        "kind": "ResourceSlice",
        "metadata": {"name": on},
        "spec": {"driver": "accelerator.bastide.dev", "nodeName": on, "devices": [one] * count},
    }


def device_class(name: str, expression: str) -> dict[str, Any]:
    spec = {"selectors": [{"cel": {"expression": expression}}]}
    return {"kind": "DeviceClass", "metadata": {"name": name}, "spec": spec}


OWN = 'device.driver == "accelerator.bastide.dev"'
ATTRIBUTE = 'device.attributes["accelerator.bastide.dev"]'
CAPACITY = 'device.capacity["accelerator.bastide.dev"]'


@pytest.mark.parametrize(
    ("ready", "leaving", "refused"),
    [
        ("ttt", [0], False),
        ("ttt", [0, 1], True),
        ("ttf", [0], True),  # the one that is ill is no help
        ("ttf", [2], False),  # the ill one itself may be replaced
        ("t", [0], True),
        ("ttttt", [0, 1], False),
        ("ttttt", [0, 1, 2], True),
        ("tt", [0], True),
    ],
)
def test_the_quorum_is_kept(ready: str, leaving: list[int], refused: bool) -> None:
    nodes = [control(f"cp{i}", "True" if well == "t" else "False") for i, well in enumerate(ready)]
    told = guarantees.refusals(nodes, [f"cp{i}" for i in leaving])
    assert bool(told) == refused, told
    assert all(message.startswith("quorum: of ") for message in told)


def test_only_a_sole_member_may_pause_the_quorum() -> None:
    assert guarantees.refusals([control("cp0")], ["cp0"], for_good=False) == []
    assert guarantees.refusals([control("cp0"), control("cp1")], ["cp0"], for_good=False) != []


def test_the_members_of_etcd_count_before_the_nodes() -> None:
    pod = {
        "kind": "Pod",
        "metadata": {"name": "etcd-x", "labels": {"component": "etcd"}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    members = [{**pod, "spec": {"nodeName": name}} for name in ("cp0", "cp1")]
    nodes = [control(f"cp{i}") for i in range(3)]
    assert "of 2 etcd members 2 must" in guarantees.refusals([*nodes, *members], ["cp1"])[0]
    assert guarantees.refusals([*nodes, *members], ["cp2"]) == []


def test_a_tenants_amount_is_kept() -> None:
    fleet = [node("w1"), node("w2"), node("w3"), control("cp")]
    granted = [quota("acme", requests_cpu="10", requests_storage="9Ti"), quota("globex", requests_cpu="6")]
    assert guarantees.refusals(fleet + granted, ["w1"]) == []
    (told,) = guarantees.refusals(fleet + granted, ["w1", "w2"])
    assert "guarantee of cpu: tenants hold 16 (acme 10, globex 6), 8 would be left of 24" in told
    assert guarantees.refusals(fleet + granted, ["w1", "w2"], for_good=False) == []


def test_only_nodes_that_can_be_used_count() -> None:
    fleet = [node("w1"), node("w2", ready="False"), node("w3", unschedulable=True), control("cp")]
    granted = [quota("acme", requests_cpu="8")]
    assert guarantees.refusals(fleet + granted, ["w2"]) == []  # takes nothing away
    assert "0 would be left of 8" in guarantees.refusals(fleet + granted, ["w1"])[0]


def test_quotas_of_no_tenant_are_no_guarantee() -> None:
    assert guarantees.refusals([node("w1"), quota("", requests_cpu="100")], ["w1"]) == []


def test_a_tenants_devices_are_kept() -> None:
    fleet = [node("w1"), node("w2"), devices("w1", 8), devices("w2", 8), devices("w2", 4, "npu")]
    classes = [device_class("gpu", f'{OWN} && {ATTRIBUTE}.kind == "gpu"')]
    key = "gpu.deviceclass.resource.k8s.io/devices"
    held = {"kind": "ResourceQuota", "metadata": {"name": "quota", "labels": {"bastide.dev/tenant": "acme"}}}
    few, many = ({**held, "spec": {"hard": {key: count}}} for count in ("8", "12"))
    assert guarantees.refusals([*fleet, *classes, few], ["w1"]) == []
    assert "guarantee of gpu: tenants hold 12" in guarantees.refusals([*fleet, *classes, many], ["w1"])[0]
    assert "no such device class" in guarantees.refusals([*fleet, many], ["w1"])[0]


@pytest.mark.parametrize(
    ("term", "count"),
    [
        (f"{ATTRIBUTE}.generation >= 4", 8),
        (f"{ATTRIBUTE}.generation >= 5", 0),
        (f"{ATTRIBUTE}.generation <= 3", 0),
        (f'{CAPACITY}.memory.compareTo(quantity("100Gi")) >= 0', 0),
        (f'{CAPACITY}.memory.compareTo(quantity("80Gi")) >= 0', 8),
        (f'"generation" in {ATTRIBUTE}', 8),
        (f'"framework_cuda" in {ATTRIBUTE}', 0),
    ],
)
def test_selections_are_judged_like_the_scheduler_does(term: str, count: int) -> None:
    kinds = {"DeviceClass": [device_class("c", f"{OWN} && {term}")], "ResourceSlice": [devices("w1", 8)]}
    assert guarantees._matching("c", kinds) == ["w1"] * count


def test_every_selection_of_the_foundation_can_be_judged() -> None:
    from components.model import Select
    from components.nodes.values import selection

    every = Select(
        kind="gpu",
        vendor="nvidia",
        family="hopper",
        isa="cuda",
        interconnect="nvlink",
        minGeneration=3,
        maxWatts=700,
        minMemory="80Gi",
        minFp16Tflops=900,
        frameworks=["pytorch"],
    )
    terms = selection(every).split(" && ")
    assert len(terms) == 11
    assert [term for term in terms if guarantees._TERM.fullmatch(term) is None] == []


def test_an_unknown_selection_is_refused_rather_than_guessed() -> None:
    kinds = {"DeviceClass": [device_class("c", "device.driver.startsWith('x')")], "ResourceSlice": []}
    assert "cannot judge its selection" in guarantees._matching("c", kinds)


def test_the_pods_that_hold_a_node_are_named_with_their_budget() -> None:
    def pod(name: str, **extra: Any) -> dict[str, Any]:
        return {
            "metadata": {"name": name, "namespace": "acme", "labels": {"app": name}, **extra},
            "status": {},
        }

    pods = [
        pod("web"),
        pod("free"),
        pod("agent", ownerReferences=[{"kind": "DaemonSet"}]),
        pod("static", annotations={"kubernetes.io/config.mirror": "x"}),
        {**pod("done"), "status": {"phase": "Succeeded"}},
    ]
    expression = {"key": "app", "operator": "In", "values": ["web"]}
    budget = {
        "metadata": {"name": "web", "namespace": "acme"},
        "spec": {"selector": {"matchExpressions": [expression]}},
        "status": {"disruptionsAllowed": 0},
    }
    assert guarantees.holders(pods, [budget]) == ["acme/web (disruption budget web)", "acme/free"]


@pytest.mark.parametrize("text", ["", "a", "5x", "1.2.3", None])
def test_what_is_no_quantity_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="no Kubernetes quantity"):
        guarantees.amount(text)


ALL = {"cp1": "v1.35.2", "w1": "v1.35.2", "w2": "v1.34.0"}


@pytest.mark.parametrize(
    ("target", "run", "told"),
    [
        ("1.36.3", ["cp1", "w1", "w2"], None),
        ("v1.35.4", ["w1"], None),
        ("1.37.0", ["cp1", "w1", "w2"], "one minor version at a time; upgrade to 1.36 first"),
        ("1.34.9", ["cp1", "w1", "w2"], "does not go back"),
        ("1.36.3", ["w1"], "the control plane goes first, cp1 must be in the run"),
    ],
)
def test_versions_go_step_by_step(target: str, run: list[str], told: str | None) -> None:
    found = skew.problems(target, "v1.35.2", ALL, run, ["cp1"])
    assert (found == []) if told is None else any(told in message for message in found), found


def test_a_kubelet_is_not_left_too_far_behind() -> None:
    (told,) = skew.problems("1.36.0", "v1.35.1", {"cp1": "v1.35.1", "old": "v1.32.9"}, ["cp1"], ["cp1"])
    assert told == "old runs kubelet v1.32.9, 4 minor versions behind 1.36.0; at most 3"
