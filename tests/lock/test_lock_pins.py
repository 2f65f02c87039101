"""What ``lego-compile lock`` pins, what it leaves as it is, and what it says of it; against a real registry."""

from __future__ import annotations

import pytest

from tests.command import Call
from tests.images.oci import image, text
from tests.lock.conftest import Place, codes, labelled, small


def test_a_pin_says_what_the_image_is(place: Place, lego: Call) -> None:
    """Digests of index and platforms, layers and their sum, and the facts of the labels, typed."""
    built = place.push(
        "ocean", "1", small(labelled("brick", place.facts("ocean", glibc="2.28", gpu="nvidia")))
    )
    place.center("c", bricks=["ocean"], resources={"gpu": {"vendor": "nvidia", "count": 1}})

    assert (0, "") == lego("lock", "c.yaml")[::2]
    lock = place.lock()
    pin = lock["bricks"]["ocean"]
    (platform,) = pin["platforms"].values()
    assert ("c", f"{place.base}/ocean", "1", "1") == (
        lock["lock"],
        pin["repository"],
        pin["release"],
        pin["tag"],
    )
    assert built.index_digest == pin["digest"]
    assert built.platforms["linux/amd64"] == (platform["digest"], platform["size"])
    assert dict(built.layers["linux/amd64"]) == platform["layers"]
    assert {
        "glibc": "2.28", "gpu": "nvidia", "kernels": {"python3": {"language": "python", "title": "ocean"}},
        "name": "ocean", "prefix": "/opt/bricks/ocean", "subpath": "/",
    } == pin["facts"]  # fmt: skip
    assert ["linux/amd64", "linux/arm64"] == [*lock["systems"]["lab"]["platforms"]]


def test_annotations_state_facts_too(place: Place, lego: Call) -> None:
    """An image without labels may state its facts on the manifest or on the index."""
    facts = labelled("brick", place.facts("ocean"))
    half = len(facts) // 2
    on_index, on_manifest = dict([*facts.items()][:half]), dict([*facts.items()][half:])
    place.push("ocean", "1", small({}, annotations=on_index, manifest_annotations=on_manifest))

    assert 0 == lego("lock", "c.yaml")[0]
    assert place.facts("ocean")["prefix"] == place.lock()["bricks"]["ocean"]["facts"]["prefix"]
    assert ["python3"] == [*place.lock()["bricks"]["ocean"]["facts"]["kernels"]]


def test_what_differs_by_platform_is_kept_by_platform(place: Place, lego: Call) -> None:
    """A C library that only one platform needs is stated there, and judged for the centre's machines alone."""
    amd = small(labelled("brick", place.facts("ocean", glibc="2.28")), "linux/amd64")
    arm = small(labelled("brick", place.facts("ocean", glibc="2.40")), "linux/arm64")
    place.push("ocean", "1", _joined(place, amd, arm))

    assert 0 == lego("lock", "c.yaml")[0]
    pin = place.lock()["bricks"]["ocean"]
    assert "glibc" not in pin["facts"]
    assert {"linux/amd64": {"glibc": "2.28"}, "linux/arm64": {"glibc": "2.40"}} == {
        name: each["facts"] for name, each in pin["platforms"].items()
    }

    place.entry(
        "bricks", "ocean", {**place.catalog["bricks"]["ocean"], "platforms": ["linux/amd64", "linux/arm64"]}
    )
    place.entry(
        "systems", "lab", {**place.catalog["systems"]["lab"], "platforms": ["linux/amd64", "linux/arm64"]}
    )
    place.center("c", {"platforms": ["linux/amd64", "linux/arm64"]}, bricks=["ocean"])
    code, _, err = lego("lock", "c.yaml", "--output-format", "concise")
    assert (1, ["LC408"]) == (code, codes(err))
    assert "needs glibc 2.40, and system image 'lab' provides 2.39" in err


def _joined(place: Place, *images: object) -> object:
    """One index over images for one platform each."""
    import json

    from tests.images.oci import INDEX, Built, digest

    manifests, blobs, platforms, layers = [], {}, {}, {}
    for each in images:
        assert isinstance(each, Built)
        blobs |= each.blobs
        platforms |= each.platforms
        layers |= each.layers
        manifests += json.loads(each.blobs[each.index_digest])["manifests"]
    top = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
    blobs[digest(top)] = top
    return Built(digest(top), platforms, {}, blobs, INDEX, layers)


@pytest.mark.parametrize(
    "form",
    [{"docker": True}, {"index": False}, {"docker": True, "index": False}, {"compression": "zstd"}, {"attested": True}],
    ids=["docker", "single", "docker-single", "zstd", "attested"],
)  # fmt: skip
def test_every_form_of_an_image_is_pinned(place: Place, lego: Call, form: dict[str, object]) -> None:
    """Docker's media types, images without an index, zstd layers, and what BuildKit attests."""
    built = place.push("ocean", "1", small(labelled("brick", place.facts("ocean")), **form))

    assert 0 == lego("lock", "c.yaml")[0]
    pin = place.lock()["bricks"]["ocean"]
    assert (built.index_digest, ["linux/amd64"]) == (pin["digest"], [*pin["platforms"]])
    assert built.platforms["linux/amd64"][1] == pin["platforms"]["linux/amd64"]["size"]


def test_an_existing_pin_stays(place: Place, lego: Call) -> None:
    """A newer release in the catalog, and a tag that was moved, change nothing until somebody asks for it."""
    assert 0 == lego("lock", "c.yaml")[0]
    before = place.lock_bytes()
    place.brick("ocean", "1", "2")
    place.push("geo", "1", small(labelled("brick", place.facts("geo")), content="moved"))

    assert (0, "0 locks written, 1 current, 0 questions asked\n", "") == lego("lock", "c.yaml")
    assert before == place.lock_bytes()


def test_upgrade_takes_what_is_newest(place: Place, lego: Call) -> None:
    """One package or all: the newest release of a name without one, and whatever the tag stands for now."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.brick("ocean", "1", "2")
    moved = place.push("geo", "1", small(labelled("brick", place.facts("geo")), content="moved"))

    code, out, _ = lego("lock", "-P", "ocean", "c.yaml")
    assert (0, "2") == (code, place.lock()["bricks"]["ocean"]["release"])
    assert out.startswith("~ brick ocean: release 1 → 2, tag 1 → 2, digest sha256:")
    assert moved.index_digest != place.lock()["bricks"]["geo"]["digest"]

    assert 0 == lego("lock", "--upgrade", "c.yaml")[0]
    assert moved.index_digest == place.lock()["bricks"]["geo"]["digest"]


def test_upgrading_what_nobody_uses_is_wrong_usage(place: Place, lego: Call) -> None:
    """A misspelt package is said, and so is a release that does not belong there."""
    for word, near in (("oecan", "ocean"), ("ocean@1", "ocean")):
        code, _, err = lego("lock", "--upgrade-package", word, "c.yaml")
        assert (2, f"lego-compile: no centre here uses {word!r}; did you mean {near!r}?\n") == (code, err)


def test_a_named_release_stays_that_release(place: Place, lego: Call) -> None:
    """``ocean@1`` is not upgraded to another release."""
    place.brick("ocean", "1", "2")
    place.center("c", bricks=["ocean@1"])

    assert 0 == lego("lock", "--upgrade", "c.yaml")[0]
    assert "1" == place.lock()["bricks"]["ocean@1"]["release"]


def test_a_changed_catalog_entry_is_an_error_until_the_facts_are_read_again(place: Place, lego: Call) -> None:
    """The digest stays, the image is read by digest, and its facts are compared with the new entry."""
    place.push("geo", "1", small(labelled("brick", {"name": "geo"})))
    assert 0 == lego("lock", "c.yaml")[0]
    before = place.lock()
    entry = {**place.catalog["bricks"]["geo"], "kernels": [{"title": "Another"}]}
    place.entry("bricks", "geo", entry)
    place.push("geo", "1", small(labelled("brick", {"name": "geo"}), content="moved meanwhile"))

    code, _, err = lego("c.yaml", "--output-format", "concise")
    assert (1, ["LC315"]) == (code, [each for each in codes(err) if each < "LC5"])
    assert (1, ["LC317"]) == _coded(lego("lock", "--locked", "c.yaml"))
    assert (1, ["LC329"]) == _coded(lego("lock", "--offline", "c.yaml"))
    code, out, _ = lego("lock", "c.yaml")
    assert (0, True) == (code, "1 question asked" in out)
    after = place.lock()
    assert before["bricks"]["geo"]["digest"] == after["bricks"]["geo"]["digest"]
    assert before["bricks"]["geo"]["resolved_from"] != after["bricks"]["geo"]["resolved_from"]
    assert 0 == lego("c.yaml")[0]


def _coded(said: tuple[int, str, str]) -> tuple[int, list[str]]:
    return said[0], codes(said[2])


def test_a_title_in_the_catalog_asks_for_no_new_lock(place: Place, lego: Call) -> None:
    """Only what an image is resolved from, or compared with, is part of the fingerprint."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.entry(
        "bricks", "geo", {**place.catalog["bricks"]["geo"], "title": "Maps", "description": "Of the Earth"}
    )

    assert 0 == lego("lock", "--locked", "c.yaml")[0]
    assert 0 == lego("c.yaml")[0]


def test_a_brick_that_left_leaves_the_lock(place: Place, lego: Call) -> None:
    """Until then a compile objects: the lock is the list of what a centre runs."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.center("c", bricks=["ocean"])

    assert (1, ["LC316"]) == _coded(lego("c.yaml"))
    code, _, err = lego("lock", "--locked", "c.yaml")
    assert (1, True) == (code, "- brick geo: 1 is no longer used" in err)
    assert (0, "- brick geo: 1 is no longer used\nwrote c.lock.yaml\n") == (
        lambda said: (said[0], said[1].rpartition("1 lock written")[0])
    )(lego("lock", "c.yaml"))
    assert ["ocean"] == [*place.lock()["bricks"]]


def test_locked_and_check_write_nothing(place: Place, lego: Call) -> None:
    """What would change is named, with the command that changes it."""
    code, _, err = lego("lock", "--locked", "c.yaml")

    assert (1, ["LC317"] * 3) == (code, codes(err))
    assert "help: run `lego-compile lock c.yaml` and commit the result" in err
    assert not (place.folder / "c.lock.yaml").exists()


def test_check_sees_what_the_registry_has_now(place: Place, lego: Call) -> None:
    """A moved tag is a warning, and a digest that is gone an error."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.push("geo", "1", small(labelled("brick", place.facts("geo")), content="moved"))
    code, _, err = lego("lock", "--check", "c.yaml")
    assert (0, ["LC330"]) == (code, codes(err))

    gone = place.lock_bytes().replace(
        place.lock()["bricks"]["ocean"]["digest"].encode(), b"sha256:" + b"0" * 64
    )
    (place.folder / "c.lock.yaml").write_bytes(gone)
    code, _, err = lego("lock", "--check", "c.yaml")
    assert (1, {"LC323", "LC330"}) == (code, {*codes(err)})
    assert gone == place.lock_bytes()


def test_a_lock_in_another_order_is_written_in_ours(place: Place, lego: Call) -> None:
    """Hands and merges leave the same facts in other words; the next lock settles it without asking."""
    import json

    assert 0 == lego("lock", "c.yaml")[0]
    before = place.lock_bytes()
    place.write("c.lock.yaml", json.loads(json.dumps(place.lock())))
    assert (1, ["LC317"]) == _coded(lego("lock", "--locked", "c.yaml"))
    assert (0, True) == (lambda said: (said[0], "0 questions asked" in said[1]))(lego("lock", "c.yaml"))
    assert before == place.lock_bytes()


def test_the_mirror_can_be_asked(place: Place, lego: Call) -> None:
    """`--via mirror` asks where the centre pulls from; the lock says where the image is published, either way."""
    for entries in (place.catalog["systems"], place.catalog["bricks"]):
        for entry in entries.values():
            entry["image"] = entry["image"].replace(place.base, "registry.example.org/lego")
    place.write("catalog.yaml", place.catalog)
    place.center("c", {"mirrors": {"registry.example.org/lego": place.base}}, bricks=["ocean"])

    assert 0 == lego("lock", "--via", "mirror", "c.yaml")[0]
    assert "registry.example.org/lego/ocean" == place.lock()["bricks"]["ocean"]["repository"]
    before = place.lock_bytes()
    (place.folder / "c.lock.yaml").unlink()
    assert 0 == lego("lock", "--via", f"registry.example.org/lego={place.base}", "c.yaml")[0]
    assert before == place.lock_bytes()
    assert 2 == lego("lock", "--via", "mirrors", "c.yaml")[0]


def test_the_pinned_image_is_what_is_compiled(place: Place, lego: Call) -> None:
    """Lock and compile are one chain: the digest in the output is the one of the image that was pushed."""
    built = place.push("ocean", "1", small(labelled("brick", place.facts("ocean")), content="this one"))

    assert 0 == lego("lock", "c.yaml")[0]
    assert 0 == lego("c.yaml")[0]
    written = [path.read_text() for path in (place.folder / "out/c/apptainer").rglob("*.json")]
    assert any(built.index_digest in text for text in written)


def test_an_image_for_other_machines_is_refused(place: Place, lego: Call) -> None:
    """The platforms are those of the registry, whatever the catalog promises."""
    place.push("ocean", "1", small(labelled("brick", place.facts("ocean")), "linux/arm64"))

    code, _, err = lego("lock", "c.yaml")
    assert (1, ["LC407"]) == (code, codes(err))
    assert not (place.folder / "c.lock.yaml").exists()


def test_shared_layers_count_once_in_show(place: Place, lego: Call) -> None:
    """The budget is one of bytes that are pulled, not of images added up."""
    assert 0 == lego("lock", "c.yaml")[0]
    layers: dict[str, int] = {}
    total = 0
    for pin in (*place.lock()["systems"].values(), *place.lock()["bricks"].values()):
        layers |= pin["platforms"]["linux/amd64"]["layers"]
        total += pin["platforms"]["linux/amd64"]["size"]
    once = sum(layers.values())
    assert once < total

    code, out, _ = lego("show", "c.yaml")
    assert (0, True) == (code, f"{once / 1024:.1f} KiB for all profiles" in out), out
    place.center("c", {"budget": {"profile": f"{once // 1024 + 1}K"}}, bricks=["ocean"], offer=["geo"])
    assert 0 == lego("lock", "--locked", "c.yaml")[0]
    assert 0 == lego("c.yaml")[0]
    place.center("c", {"budget": {"profile": f"{once // 1024 - 1}K"}}, bricks=["ocean"], offer=["geo"])
    assert (1, ["LC410"]) == _coded(lego("c.yaml"))


def test_an_image_of_somebody_else_states_nothing(place: Place, lego: Call) -> None:
    """An image without our labels is pinned by digest, and the catalog is believed."""
    place.push("ocean", "1", image({"linux/amd64": {"a": text("b")}}, {"maintainer": "somebody"}, {}))

    assert 0 == lego("lock", "c.yaml")[0]
    assert "facts" not in place.lock()["bricks"]["ocean"]


def test_an_image_without_layers_is_current_at_once(place: Place, lego: Call) -> None:
    """What is written is what the next run would write."""
    place.push("ocean", "1", image({"linux/amd64": []}, labelled("brick", place.facts("ocean")), {}))

    assert 0 == lego("lock", "c.yaml")[0]
    assert 0 == place.lock()["bricks"]["ocean"]["platforms"]["linux/amd64"]["size"]
    assert 0 == lego("lock", "--locked", "c.yaml")[0]
    assert 0 == lego("c.yaml")[0]


def test_a_lock_edited_by_hand_is_found_and_refreshed(place: Place, lego: Call) -> None:
    """A false size or fact is seen by ``--check``, whose help repairs it, and moves no pin."""
    assert 0 == lego("lock", "c.yaml")[0]
    before = place.lock_bytes()
    (place.folder / "c.lock.yaml").write_bytes(before.replace(b"2.39", b"2.40"))
    assert 0 == lego("lock", "--locked", "c.yaml")[0]
    code, _, err = lego("lock", "--check", "c.yaml")
    assert (1, ["LC317"]) == (code, codes(err))
    assert "run `lego-compile lock --refresh c.yaml`" in err
    assert 0 == lego("lock", "--refresh", "c.yaml")[0]
    assert before == place.lock_bytes()

    (place.folder / "c.lock.yaml").write_bytes(before.replace(b"size: ", b"size: 1", 1))
    assert (1, ["LC304"]) == _coded(lego("c.yaml"))


def test_the_help_repeats_the_options(place: Place, lego: Call) -> None:
    """What is proposed does what was asked about."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.brick("ocean", "1", "2")

    code, _, err = lego("lock", "--locked", "-P", "ocean", "c.yaml")
    assert (1, True) == (code, "run `lego-compile lock --upgrade-package ocean c.yaml`" in err)


def test_a_gone_digest_says_how_to_pin_another(place: Place, lego: Call) -> None:
    """Nobody types digests: the help is a command."""
    assert 0 == lego("lock", "c.yaml")[0]
    digest = place.lock()["bricks"]["geo"]["digest"].encode()
    (place.folder / "c.lock.yaml").write_bytes(place.lock_bytes().replace(digest, b"sha256:" + b"0" * 64))

    code, _, err = lego("lock", "--refresh", "c.yaml")
    assert (1, ["LC323"]) == (code, codes(err))
    assert "lego-compile lock --upgrade-package geo c.yaml" in err
    assert 0 == lego("lock", "--upgrade-package", "geo", "c.yaml")[0]


def test_line_ends_of_a_checkout_are_no_change(place: Place, lego: Call) -> None:
    """Git may check a file out with the line ends of Windows."""
    assert 0 == lego("lock", "c.yaml")[0]
    (place.folder / "c.lock.yaml").write_bytes(place.lock_bytes().replace(b"\n", b"\r\n"))

    assert 0 == lego("lock", "--locked", "c.yaml")[0]


def test_a_platform_that_nobody_has_may_be_faulty(place: Place, lego: Call) -> None:
    """A label fault counts for the centre's machines, and says which platform it is about."""
    good = small(labelled("brick", place.facts("ocean", glibc="2.28")), "linux/amd64")
    bad = small(labelled("brick", place.facts("ocean", glibc="new")), "linux/arm64")
    place.push("ocean", "1", _joined(place, good, bad))
    assert (0, "") == lego("lock", "c.yaml")[::2]

    place.push("ocean", "1", _joined(place, small(labelled("brick", place.facts("ocean", glibc="new"))), bad))
    code, _, err = lego("lock", "--upgrade", "c.yaml", "--output-format", "concise")
    assert (1, ["LC326"]) == (code, codes(err))


def test_show_says_what_it_does_not_know(place: Place, lego: Call) -> None:
    """A brick without a pin is in the table, and sums are lower bounds."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.brick("late")
    place.center("c", bricks=["ocean", "late"], offer=["geo"])

    code, out, err = lego("show", "c.yaml")
    assert (1, ["LC303"]) == (code, codes(err))
    assert ["brick", "late", "not", "locked", "?"] in [line.split()[:5] for line in out.splitlines()]
    assert "pulls at least " in out


def test_offline_says_why_it_has_to_ask(place: Place, lego: Call) -> None:
    """A pin that no longer fits is not called missing."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.entry("bricks", "geo", {**place.catalog["bricks"]["geo"], "releases": {"1": {"tag": "1-r1"}}})

    code, _, err = lego("lock", "--offline", "c.yaml")
    assert (1, ["LC329"]) == (code, codes(err))
    assert "brick 'geo' has another entry in the catalog now" in err
