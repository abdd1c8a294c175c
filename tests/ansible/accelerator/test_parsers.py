"""What the tools of accelerators print is read, and what they print instead of devices is told."""

from __future__ import annotations

import json

import pytest

from tests.support.plugins import load

accelerators = load("plugins/filter/accelerators.py")

NVIDIA = """0, NVIDIA H100 80GB HBM3, 580.173.02, Enabled, Enabled, 00000000:18:00.0
1, NVIDIA H100 80GB HBM3, 580.173.02, Enabled, Disabled, 00000000:2A:00.0
"""
NPU = """+------------------------------------------------------------------------------------------------+
| npu-smi 25.5.1                   Version: 25.5.1                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 93.6        47                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3161 / 65536         |
+===========================+===============+====================================================+
| 1     910B3               | Warning       | 90.1        45                0    / 0             |
| 0                         | 0000:01:00.0  | 0           0    / 0          3161 / 65536         |
+===========================+===============+====================================================+
+---------------------------+---------------+----------------------------------------------------+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
+===========================+===============+====================================================+
| No running processes found in NPU 0                                                            |
+===========================+===============+====================================================+
"""
DUO = """| npu-smi 25.2.0                       Version: 25.2.0                       |
| 1       310P3                 | OK              | NA           59                0     / 0             |
| 0       0                     | 0000:01:00.0    | 0            1397 / 44280                            |
| 1       310P3                 | OK              | NA           58                0     / 0             |
| 1       1                     | 0000:01:00.0    | 0            1520 / 43693                            |
"""
AMD = [
    {
        "gpu": 0,
        "asic": {"market_name": "AMD Instinct MI300X"},
        "driver": {"name": "amdgpu", "version": "6.10.5"},
        "bus": {"bdf": "0000:05:00.0"},
    }
]


def test_gpus_of_nvidia() -> None:
    found = accelerators.nvidia_devices(NVIDIA)
    assert [(each["index"], each["driver"], each["mig"]) for each in found] == [
        ("0", "580.173.02", "Enabled"),
        ("1", "580.173.02", "Disabled"),
    ]
    assert found[1]["name"] == "NVIDIA H100 80GB HBM3"


@pytest.mark.parametrize("text", ["No devices were found\n", "NVIDIA-SMI has failed, since x\n"])
def test_a_driver_without_devices_is_no_empty_list(text: str) -> None:
    with pytest.raises(accelerators.UnreadableError, match="tells of no device"):
        accelerators.nvidia_devices(text)


def test_npus_and_their_health() -> None:
    found = accelerators.npu_devices(NPU)
    assert [(each["index"], each["name"], each["health"], each["bus"]) for each in found] == [
        ("0.0", "910B3", "OK", "0000:c1:00.0"),
        ("1.0", "910B3", "Warning", "0000:01:00.0"),
    ]
    assert {each["driver"] for each in found} == {"25.5.1"}


def test_a_card_of_two_chips_is_two_devices() -> None:
    assert [each["index"] for each in accelerators.npu_devices(DUO)] == ["1.0", "1.1"]


def test_an_npu_tool_that_fails_is_told() -> None:
    with pytest.raises(accelerators.UnreadableError, match="dcmi"):
        accelerators.npu_devices("dcmi module initialize failed. ret is -8005")


@pytest.mark.parametrize("text", [json.dumps(AMD), json.dumps({"gpu_data": AMD})])
def test_gpus_of_amd(text: str) -> None:
    (found,) = accelerators.amd_devices(text)
    assert found == {"index": "0", "name": "AMD Instinct MI300X", "driver": "6.10.5", "bus": "0000:05:00.0"}


@pytest.mark.parametrize("text", ["ERROR: no driver", "[{}]", "3"])
def test_an_amd_tool_that_fails_is_told(text: str) -> None:
    with pytest.raises(accelerators.UnreadableError):
        accelerators.amd_devices(text)
