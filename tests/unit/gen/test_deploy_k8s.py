"""`kgen deploy k8s`, held to Kubernetes' own schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gen.deploy_projects import Kgen, documents, make, operator_resource

from kgen.deploy.quoting import yaml_text

SEVERAL = """
[deploy.on]
flow = "streams.flows.orders:flow"
image = "registry.example.com:5000/orders:1.10"
processes = 3
workers = 2
epoch_interval = 0.5
recovery = "20Gi"
storage_class = "fast"
secret = "orders"
memory = "1Gi"
cpu = "2"

[deploy.on.env]
"on" = "1.10"
A = "a: b # c\\nd\\t'\\"${x} %h {{ x }} größe 😀"

[deploy.on.secret_files]
KGEN_REGISTRY_CA = "ca.pem"
"""


def validated(path: Path, version: str) -> dict[str, Any]:
    """The objects of a file by their kinds, each valid to the letter."""
    found = documents(path)
    for each in found:
        if each["kind"] == "PodMonitor":  # not Kubernetes' own
            operator_resource("podmonitors").validate(each)
        else:
            kubernetes_validate.validate(each, version, strict=True)
    return {each["kind"]: each for each in found}


# The oldest one has the label that says which process a pod is.
@pytest.mark.parametrize("version", ["1.28", "1.37"])
@pytest.mark.parametrize("toml", ["[deploy.orders]\nrecovery = false\n", "[deploy.orders]\n", SEVERAL])
def test_it_is_what_kubernetes_takes(tmp_path: Path, kgen: Kgen, toml: str, version: str) -> None:
    root = make(tmp_path / "p", toml)
    assert kgen("deploy", "k8s")[0] == 0
    (path,) = (root / "deploy").rglob("k8s.yaml")
    found = validated(path, version)
    kept = found["StatefulSet"]["spec"].get("volumeClaimTemplates", [])
    mounts = found["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert len(kept) == ("false" not in toml)
    assert ("/recovery" in json.dumps(found)) == bool(kept)
    names = ["tmp"] + ["recovery"] * len(kept) + ["secrets"] * ("secret_files" in toml)
    assert [each["name"] for each in mounts] == names


def test_several_processes_know_each_other_and_are_kept_from_others(tmp_path: Path, kgen: Kgen) -> None:
    root = make(tmp_path / "p", SEVERAL)
    _, _, err = kgen("deploy", "k8s")
    assert "kubectl delete pods -l app.kubernetes.io/name=on" in err
    found = validated(root / "deploy/on/k8s.yaml", "1.37")
    service, spec = found["Service"], found["StatefulSet"]["spec"]
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert (spec["replicas"], spec["podManagementPolicy"]) == (3, "Parallel")
    assert spec["updateStrategy"] == {"type": "OnDelete"}
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    env = {each["name"]: each for each in container["env"]}
    assert len(env) == len(container["env"])
    field = env["BYTEWAX_PROCESS_ID"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert field == "metadata.labels['apps.kubernetes.io/pod-index']"
    hosts = [f"{found['StatefulSet']['metadata']['name']}-{n}.{spec['serviceName']}:2101" for n in range(3)]
    assert env["BYTEWAX_ADDRESSES"]["value"] == ";".join(hosts)
    assert env["on"]["value"] == "1.10"
    assert env["A"]["value"] == "a: b # c\nd\t'\"${x} %h {{ x }} größe 😀"
    assert container["envFrom"] == [{"secretRef": {"name": "orders"}}]
    assert env["KGEN_REGISTRY_CA"]["value"] == "/secrets/ca.pem"
    volume = {"secretName": "orders-files", "defaultMode": 0o440}
    assert [each["secret"] for each in pod["volumes"] if "secret" in each] == [volume]
    assert container["image"] == "registry.example.com:5000/orders:1.10"
    policy = found["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == spec["selector"]["matchLabels"]
    (cluster,) = (each for each in policy["ingress"] if {"port": "cluster"} in each["ports"])
    assert cluster["from"] == [{"podSelector": policy["podSelector"]}]


def test_it_is_what_the_restricted_standard_asks_of_pods(tmp_path: Path, kgen: Kgen) -> None:
    """Kubernetes' Pod Security Standard of that name; and a root that cannot be written."""
    root = make(tmp_path / "p", SEVERAL)
    kgen("deploy", "k8s")
    pod = validated(root / "deploy/on/k8s.yaml", "1.37")["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["terminationGracePeriodSeconds"] > 30.5
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert {key for each in pod["volumes"] for key in each} == {"name", "emptyDir", "secret"}


def test_prometheus_finds_it_by_annotations_or_by_a_monitor(tmp_path: Path, kgen: Kgen) -> None:
    root = make(tmp_path / "p", "[deploy.orders]\npod_monitor = true\n[deploy.daily_totals]\n")
    assert kgen("deploy", "k8s")[0] == 0
    found = validated(root / "deploy/orders/k8s.yaml", "1.37")
    template = found["StatefulSet"]["spec"]["template"]
    assert "annotations" not in template["metadata"]
    monitor = found["PodMonitor"]["spec"]
    assert monitor["selector"]["matchLabels"] == template["metadata"]["labels"]
    ports = {each["name"]: each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
    assert [ports[each["port"]] for each in monitor["podMetricsEndpoints"]] == [3030]
    found = validated(root / "deploy/daily-totals/k8s.yaml", "1.37")
    annotations = found["StatefulSet"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == "3030"
    assert "PodMonitor" not in found


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
WORDS = st.sampled_from(
    ["on", "no", "null", "~", "1.10", "1e3", "0x10", "a: b", "# c", "&a", "*a", "${x}", ""]
)


@given(TEXTS | WORDS)
def test_a_text_stays_itself(text: str) -> None:
    written = yaml_text(text)
    assert yaml.safe_load(f"- {written}  # comment\n- {{a: {written}}}\n") == [text, {"a": text}]
    assert "\n" not in written
