"""The options: a shared address, an issuer of tokens, labels, taints and what is enforced on pods."""

import json

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"


def test_the_endpoint_is_the_shared_address(host):
    addresses = json.loads(host.check_output("ip -json -4 address show host0"))[0]["addr_info"]
    shared = [each["local"] for each in addresses if each["local"].endswith(".250")]
    assert len(shared) == 1
    server = host.check_output(f"{KUBECTL} config view -o 'jsonpath={{.clusters[0].cluster.server}}'")
    assert server == f"https://{shared[0]}:6443"
    assert host.service("keepalived").is_running


def test_the_api_server_reads_who_signs_tokens(host):
    written = host.file("/etc/kubernetes/bastide/authentication.yaml").content_string
    assert 'url: "https://login.example"' in written
    assert host.check_output(f"{KUBECTL} get --raw /readyz") == "ok"


def test_the_node_has_its_labels_and_taints(host):
    node = json.loads(host.check_output(f"{KUBECTL} get node kubernetes-alternative -o json"))
    assert node["metadata"]["labels"]["bastide.dev/pool"] == "system"
    assert {(taint["key"], taint.get("value")) for taint in node["spec"]["taints"]} >= {
        ("bastide.dev/only", "system"),
        ("node-role.kubernetes.io/control-plane", None),
    }


def test_a_privileged_pod_is_refused(host):
    refused = host.run(
        f"{KUBECTL} run bad --image=lab.example/pod:1 --privileged --dry-run=server --namespace default"
    )
    assert refused.rc != 0
    assert "violates PodSecurity" in refused.stderr
