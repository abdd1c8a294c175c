"""A control plane made by the role: what the API itself says, and what lies on the disk."""

import json

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
STRANGER = """
import ssl, sys, urllib.error, urllib.request
context = ssl.create_default_context(cafile="/etc/kubernetes/pki/ca.crt")
try:
    print(urllib.request.urlopen(sys.argv[1], context=context).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
"""Asks for a page without credentials; prints the answer's code."""


def test_the_static_pods_run(host):
    pods = json.loads(host.check_output(f"{KUBECTL} get pods -n kube-system -o json"))["items"]
    names = {pod["metadata"]["labels"]["component"] for pod in pods if pod["status"]["phase"] == "Running"}
    assert names == {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}


def test_strangers_see_the_health_pages_only(host):
    server = host.check_output(f"{KUBECTL} config view -o 'jsonpath={{.clusters[0].cluster.server}}'")
    assert host.check_output("python3 -c %s %s", STRANGER, f"{server}/livez") == "200"
    assert host.check_output("python3 -c %s %s", STRANGER, f"{server}/version") == "401"


def test_secrets_are_unreadable_on_the_disk(host):
    host.check_output(f"{KUBECTL} create secret generic probe --from-literal=word=hunter2-in-clear")
    assert host.run("grep -rqa hunter2-in-clear /var/lib/etcd").rc == 1
    assert host.run("grep -rqa k8s:enc:secretbox:v1:key1: /var/lib/etcd").rc == 0
    host.check_output(f"{KUBECTL} delete secret probe")


def test_the_audit_log_tells_deeds_and_no_content(host):
    lines = host.check_output("cat /var/log/kubernetes/audit.log").splitlines()
    assert any('"resource":"secrets"' in line for line in lines)
    assert not [line for line in lines if "requestObject" in line or "hunter2" in line]


def test_keys_are_for_root_only(host):
    loose = host.check_output(
        r"find /etc/kubernetes /var/lib/etcd /var/lib/kubelet/pki /var/log/kubernetes"
        r" \( -name '*.key' -o -name '*.conf' -o -name '*.yaml' -o -name '*.log' -o -name member \)"
        r" -perm /077"
    )
    assert loose == ""


def test_no_join_token_is_left(host):
    tokens = host.check_output(f"{KUBECTL} get secrets -n kube-system -o name")
    assert "bootstrap-token" not in tokens


def test_kubelet_answers_with_a_certificate_of_the_cluster(host):
    said = host.check_output(
        "openssl verify -CAfile /etc/kubernetes/pki/ca.crt /var/lib/kubelet/pki/kubelet-server-current.pem"
    )
    assert said.endswith(": OK")


def test_the_report_tells_that_all_is_well(host):
    report = json.loads(host.file("/var/lib/bastide/reports/kubernetes.validation.json").content_string)
    assert report["passed"]
    assert {"api", "strangers", "version", "etcd-data"} <= {check["id"] for check in report["checks"]}
