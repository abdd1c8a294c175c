"""The version matrix: its data holds together, and its rules refuse what does not go together."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import product
from typing import Any

import pytest

from components.model.matrix import fits, matrix, most, problems, supported, version, within

H100 = ("nvidia", "hopper", "nvidia-h100")
NPU = ("huawei", "ascend", "ascend-910b3")
R580 = {"driver": "580.173.02", "firmware": None, "toolkit": "13.0"}
HDK = {"driver": "25.5.1", "firmware": "7.8.0.6.201", "toolkit": "8.5.0"}


def told(found: list[Any]) -> list[tuple[str, str]]:
    return [(each.field, each.value) for each in found]


def test_versions_compare_as_their_makers_count() -> None:
    shuffled = ["25.5.1", "25.0", "26.0.0.1", "24.1", "25.0.rc1.1", "26.0.RC1", "25.0.RC1", "25.5.0.1"]
    ordered = ["24.1", "25.0.RC1", "25.0.rc1.1", "25.0", "25.5.0.1", "25.5.1", "26.0.RC1", "26.0.0.1"]
    assert sorted(shuffled, key=version) == ordered
    assert version("580.00") == version("580")
    assert within("6.1.0-37-amd64", {"from": "6.1", "below": "6.2"})
    assert not within("6.2", {"from": "6.1", "below": "6.2"})


@pytest.mark.parametrize(
    ("model", "profile", "count"),
    [
        ("nvidia-a30", "1g.6gb", 4),
        ("nvidia-a30", "2g.12gb", 2),
        ("nvidia-a30", "2g.12gb+me", 1),
        ("nvidia-a30", "4g.24gb", 1),
        ("nvidia-h100", "1g.10gb", 7),
        ("nvidia-h100", "1g.10gb+me", 1),
        ("nvidia-h100", "1g.20gb", 4),
        ("nvidia-h100", "2g.20gb", 3),
        ("nvidia-h100", "3g.40gb", 2),
        ("nvidia-h100", "4g.40gb", 1),
        ("nvidia-h100", "7g.80gb", 1),
        ("nvidia-b200", "1g.45gb", 4),
    ],
)
def test_as_many_instances_fit_as_the_maker_counts(model: str, profile: str, count: int) -> None:
    assert most(model, profile) == count


@pytest.mark.parametrize(
    ("asked", "fit"),
    [
        (["3g", "2g", "1g", "1g"], True),
        (["4g", "3g"], True),
        (["3g", "1g", "1g", "1g", "1g"], True),
        (["4g", "4g"], False),
        (["7g", "1g"], False),
        (["3g", "3g", "1g"], False),
        (["2g", "2g", "2g", "2g"], False),
        (["4g", "1g", "1g", "1g", "1g"], False),
        (["1g+me", "1g+me"], False),
    ],
)
def test_instances_stand_where_they_may_begin(asked: list[str], *, fit: bool) -> None:
    assert fits("eighths", asked) is fit


@pytest.mark.parametrize(
    ("accelerator", "software", "partitions"),
    [
        (H100, R580, {}),
        (H100, R580, {"1g.10gb": 7}),
        (H100, R580, {"3g.40gb": 1, "2g.20gb": 1, "1g.10gb": 2}),
        (("nvidia", "blackwell", "nvidia-b200"), {**R580, "driver": "595.91.07", "toolkit": "12.8"}, {}),
        (NPU, HDK, {}),
        (NPU, {"driver": "25.2.0", "firmware": "7.7.0.6.236", "toolkit": "8.2.RC1"}, {}),
        (("amd", "cdna", "amd-mi300x"), {"driver": "6.3.3", "firmware": None, "toolkit": "6.2.4"}, {}),
        (
            ("amd", "cdna", "amd-mi355x"),
            {"driver": "30.20.1", "firmware": "01.25.17.07", "toolkit": "7.2.2"},
            {},
        ),
    ],
)
def test_what_its_maker_supports_passes(accelerator: Any, software: Any, partitions: Any) -> None:
    assert problems(*accelerator, software, partitions) == []


@pytest.mark.parametrize(
    ("accelerator", "change", "partitions", "expected", "words"),
    [
        (("nvidea", "hopper", "nvidia-h100"), {}, {}, ("vendor", "nvidea"), "`nvidia`"),
        (("nvidia", "hoper", "nvidia-h100"), {}, {}, ("family", "hoper"), "`hopper`"),
        (("nvidia", "hopper", "nvidia-h10"), {}, {}, ("id", "nvidia-h10"), "`nvidia-h100`"),
        (H100, {"driver": "535.309.01"}, {}, ("software.driver", "535.309.01"), "ended|end in 2026-06"),
        (H100, {"driver": "590.48.01"}, {}, ("software.driver", "590.48.01"), "`595.91.07`"),
        (H100, {"driver": "570.1"}, {}, ("software.driver", "570.1"), "`580.173.02` .*until 2028-06"),
        (H100, {"driver": None}, {}, ("software.driver", "(missing)"), "must be given"),
        (H100, {"firmware": "96.00"}, {}, ("software.firmware", "96.00"), "must be left out"),
        (H100, {"toolkit": "14.0"}, {}, ("software.toolkit", "14.0"), "from 11.8 to below 14"),
        (H100, {"toolkit": "11.4"}, {}, ("software.toolkit", "11.4"), "hopper"),
        (H100, {"toolkit": None}, {}, ("software.toolkit", "(missing)"), "from 11.8"),
        (H100, {}, {"1g.5gb": 7}, ("partitions.1g.5gb", "7"), "`1g.10gb`"),
        (H100, {}, {"1g.10gb": 8}, ("partitions.1g.10gb", "8"), "At most 7"),
        (H100, {}, {"1g.10gb": 0}, ("partitions.1g.10gb", "0"), "at least 1"),
        (H100, {}, {"3g.40gb": 2, "1g.10gb": 1}, ("partitions", "2 x 3g.40gb, 1 x 1g.10gb"), "together"),
        (("nvidia", "ada", "nvidia-l4"), {}, {"1g.6gb": 1}, ("partitions", "1g.6gb"), "is not divided"),
    ],
)
def test_what_is_unknown_is_refused_and_the_nearest_named(
    accelerator: Any, change: Any, partitions: Any, expected: tuple[str, str], words: str
) -> None:
    found = problems(*accelerator, {**R580, **change}, partitions)
    assert told(found) == [expected]
    assert re.search(words, f"{found[0].rule} {found[0].mend}"), found[0]


@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        ({"firmware": "7.7.0.6.236"}, ("software.firmware", "7.7.0.6.236"), "`7.8.0.6.201`"),
        ({"firmware": None}, ("software.firmware", "(missing)"), "`7.8.0.6.201`"),
        ({"driver": "25.5.9"}, ("software.driver", "25.5.9"), "`25.5.0` or `25.5.1` or `25.5.2`"),
        ({"toolkit": "8.0.RC1"}, ("software.toolkit", "8.0.RC1"), "from 8.5.0 to below 9.2"),
        ({"driver": "26.0.RC1"}, ("software.driver", "26.0.RC1"), "`25.5.2`"),
    ],
)
def test_driver_firmware_and_toolkit_of_an_npu_go_together(
    change: Any, expected: tuple[str, str], words: str
) -> None:
    found = problems(*NPU, {**HDK, **change}, {})
    assert told(found) == [expected]
    assert re.search(words, found[0].mend), found[0]


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = problems(*H100, {"driver": "580.1", "firmware": "1", "toolkit": "9"}, {"9g.1gb": 1})
    assert [each.field for each in found] == ["software.firmware", "software.toolkit", "partitions.9g.1gb"]


def test_the_row_for_the_host_is_plain_and_says_what_it_needs() -> None:
    row = supported("nvidia", "blackwell", "nvidia-b200", {"driver": "595.91.07"})
    assert json.loads(json.dumps(row)) == row
    assert row["combination"] == "nvidia-r595"
    assert (row["fabric_manager"], row["subnet_manager"], row["kernel_module"]) == (True, True, "open")
    assert row["systems"] == {"debian-12": ["6.1"], "debian-13": ["6.12"]}
    assert row["pci_vendor"] == "0x10de"
    assert row["pci_devices"] == ["0x2901"]
    npu = supported(*NPU, HDK)
    assert (npu["verified"], npu["package"]) == (False, "Ascend-hdk-910b")
    assert "Debian 12" in npu["reason"]


def test_no_row_is_made_without_a_driver() -> None:
    with pytest.raises(LookupError):
        supported(*H100, {"toolkit": "13.0"})


def test_the_data_holds_together() -> None:
    data = matrix()
    families = {(each["vendor"], each["family"]) for each in data["families"]}
    names = {each["family"] for each in data["families"]}
    ids = Counter(each["id"] for each in [*data["combinations"], *data["models"]])
    assert [name for name, count in ids.items() if count > 1] == []
    assert {each["family"] for each in data["models"]} <= names
    for row in data["combinations"]:
        assert {(row["vendor"], family) for family in row["families"]} <= families, row["id"]
        assert set(row["systems"]) <= set(data["systems"]), row["id"]
        assert within(row["driver"]["recommended"], row["driver"]), row["id"]
        assert row["verified"] or row["reason"], f"{row['id']}: not verified, and no reason"
        assert set(row.get("models", [])) <= set(ids), row["id"]
    for row in [*data["combinations"], *data["models"], *data["families"]]:
        assert row["sources"], row
        assert set(row["sources"]) <= set(data["sources"]), row
    for each in data["models"]:
        assert set(each.get("profiles", {}).values()) <= set(data["layouts"].get(each.get("layout"), ()))


def test_every_recommended_combination_is_accepted() -> None:
    data, seen = matrix(), 0
    for row, model in product(data["combinations"], data["models"]):
        if model["family"] not in row["families"] or model["id"] not in row.get("models", [model["id"]]):
            continue
        driver = row["driver"]["recommended"]
        pair = row["firmware"].get(driver, row["firmware"].get("*"))
        firmware = pair[0] if isinstance(pair, list) else pair
        software = {"driver": driver, "firmware": firmware, "toolkit": "12.8"}
        if row["vendor"] != "nvidia":
            software["toolkit"] = row["toolkit"][0]["from"]
        assert problems(row["vendor"], model["family"], model["id"], software, {}) == [], row["id"]
        seen += 1
    assert seen >= 35


def test_every_source_is_used() -> None:
    data = matrix()
    rows = [*data["combinations"], *data["models"], *data["families"]]
    assert {name for row in rows for name in row["sources"]} == set(data["sources"])
