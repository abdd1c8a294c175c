"""Simulated machines, their devices, and the classes that select them."""

from __future__ import annotations

import pytest

from components import naming
from components.model import Accelerator, Select, SimulatedPool
from components.model.loading import EnvironmentModel
from components.nodes import values

LABELS = {"a": "b"}


@pytest.fixture
def pool(model: EnvironmentModel) -> SimulatedPool:
    found = next(pool for pool in model.foundation.pools if pool.id == "gpu-h100")
    assert isinstance(found, SimulatedPool)
    return found


def test_machines_fill_their_racks_in_turn(model: EnvironmentModel, pool: SimulatedPool) -> None:
    made = values.nodes(pool, model.foundation, LABELS)
    assert [found["metadata"]["name"] for found in made] == [f"gpu-h100-{index}" for index in range(4)]
    assert [found["metadata"]["labels"][naming.RACK] for found in made] == ["a1", "a2", "a1", "a2"]
    assert {found["metadata"]["labels"][naming.ZONE] for found in made} == {"a"}
    assert made[0]["status"]["allocatable"] == {"cpu": "128", "memory": "2Ti", "pods": "110"}


def test_machines_with_accelerators_are_kept_for_claims(model: EnvironmentModel, pool: SimulatedPool) -> None:
    taint = {"key": naming.ACCELERATOR, "value": "gpu", "effect": "NoSchedule"}
    assert values.nodes(pool, model.foundation, LABELS)[0]["spec"] == {"taints": [taint]}
    plain = next(pool for pool in model.foundation.pools if pool.id == "sandbox")
    assert isinstance(plain, SimulatedPool)
    node = values.nodes(plain, model.foundation, LABELS)[0]
    assert node["spec"] == {}
    assert not [key for key in node["metadata"]["labels"] if key.startswith(naming.ACCELERATOR_DRIVER)]
    assert values.slices(plain, model.foundation, LABELS) == []


def test_devices_say_what_they_are(model: EnvironmentModel, pool: SimulatedPool) -> None:
    made = values.slices(pool, model.foundation, LABELS)
    assert len(made) == 4
    spec = made[1]["spec"]
    assert spec["nodeName"] == spec["pool"]["name"] == "gpu-h100-1"
    assert [device["name"] for device in spec["devices"]] == [f"gpu-{index}" for index in range(8)]
    device = spec["devices"][3]
    assert device["capacity"] == {"memory": {"value": "80Gi"}, "fp16Tflops": {"value": "989"}}
    assert device["attributes"] == {
        "model": {"string": "nvidia-h100"},
        "vendor": {"string": "nvidia"},
        "kind": {"string": "gpu"},
        "family": {"string": "hopper"},
        "generation": {"int": 9},
        "isa": {"string": "cuda"},
        "interconnect": {"string": "nvlink"},
        "watts": {"int": 700},
        "framework_pytorch": {"bool": True},
        "framework_jax": {"bool": True},
        "framework_vllm": {"bool": True},
        "zone": {"string": "a"},
        "rack": {"string": "a2"},
        "index": {"int": 3},
    }


def test_node_labels_repeat_the_capabilities(model: EnvironmentModel, pool: SimulatedPool) -> None:
    accelerator = model.foundation.accelerator("nvidia-h100")
    labels = values.nodes(pool, model.foundation, LABELS)[0]["metadata"]["labels"]
    prefix = f"{naming.ACCELERATOR_DRIVER}/"
    told = {key.removeprefix(prefix) for key in labels if key.startswith(prefix)}
    assert told == set(values.capabilities(accelerator)) | set(values.amounts(accelerator))


EVERYTHING = Select(
    kind="gpu",
    vendor="nvidia",
    family="hopper",
    isa="cuda",
    interconnect="nvlink",
    min_generation=9,
    min_memory="80Gi",
    min_fp16_tflops=312,
    max_watts=700,
    frameworks=("pytorch", "vllm-omni"),
)


def test_a_selection_asks_for_all_and_for_our_driver_first() -> None:
    attributes = 'device.attributes["accelerator.bastide.dev"]'
    capacity = 'device.capacity["accelerator.bastide.dev"]'
    assert values.selection(EVERYTHING).split(" && ") == [
        'device.driver == "accelerator.bastide.dev"',
        f'{attributes}.kind == "gpu"',
        f'{attributes}.vendor == "nvidia"',
        f'{attributes}.family == "hopper"',
        f'{attributes}.isa == "cuda"',
        f'{attributes}.interconnect == "nvlink"',
        f"{attributes}.generation >= 9",
        f"{attributes}.watts <= 700",
        f'{capacity}.memory.compareTo(quantity("80Gi")) >= 0',
        f'{capacity}.fp16Tflops.compareTo(quantity("312")) >= 0',
        f'"framework_pytorch" in {attributes}',
        f'"framework_vllm_omni" in {attributes}',
    ]


@pytest.mark.parametrize("key", list(Select.model_fields))
def test_every_key_of_a_selection_is_rendered(key: str) -> None:
    without = EVERYTHING.model_copy(update={key: Select.model_fields[key].default})
    assert set(values.selection(without).split(" && ")) < set(values.selection(EVERYTHING).split(" && "))


def test_every_device_says_what_a_selection_may_ask(model: EnvironmentModel) -> None:
    for accelerator in model.foundation.accelerators:
        told = set(values.capabilities(accelerator)) | set(values.amounts(accelerator))
        assert {
            "kind",
            "vendor",
            "family",
            "isa",
            "interconnect",
            "generation",
            "watts",
            "memory",
            "fp16Tflops",
        } <= told


def test_attribute_names_are_identifiers(model: EnvironmentModel) -> None:
    odd = model.foundation.accelerators[0].model_copy(update={"frameworks": ("vllm-omni",)})
    for accelerator in (*model.foundation.accelerators, odd):
        assert isinstance(accelerator, Accelerator)
        assert all(name.isidentifier() for name in values.capabilities(accelerator))


def test_outputs_count_what_there_is(model: EnvironmentModel) -> None:
    outputs = values.outputs(model.foundation)
    assert outputs.nodes == 14
    assert outputs.accelerators == {
        "nvidia-h100": 32,
        "nvidia-b200": 16,
        "amd-mi300x": 8,
        "ascend-910b3": 16,
    }
    assert outputs.capacity.devices == {"gpu": 56, "npu": 16, "large-memory": 24, "cuda-training": 48}
    assert outputs.device_classes == ("gpu", "npu", "large-memory", "cuda-training")
