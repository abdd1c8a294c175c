"""Rules on what a site declares: names, zones, and what OpenStack takes of keys, images and flavors."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Iterator
from typing import Final

from components.model.checks import repeated, unknown
from components.model.document import Path_
from components.model.draft import FOUNDATION, Draft
from components.model.errors import ConfigProblem
from components.model.foundation import Site
from components.model.openstack import OpenStackImage, OpenStackSite
from components.model.quantity import Bytes

_UNITS: Final = {"MiB": 2**20, "GiB": 2**30}
_ENDINGS: Final = {"qcow2": (".qcow2", ".img"), "raw": (".raw", ".img")}


def site_ids(draft: Draft) -> Iterator[ConfigProblem]:
    """Sites have one id each, and zones name sites that are declared."""
    if draft.foundation is None:
        return
    ids = [site.id for site in draft.foundation.sites]
    yield from repeated(draft, FOUNDATION, "site", ((("sites", i, "id"), name) for i, name in enumerate(ids)))
    zones = enumerate(draft.foundation.environment.zones)
    named = ((("environment", "zones", i, "site"), zone.site) for i, zone in zones)
    yield from unknown(draft, FOUNDATION, named, "the id of a site", ids)


def declared(draft: Draft) -> Iterator[ConfigProblem]:
    """What a site makes has one name each and is such that OpenStack takes it."""
    for i, site in enumerate(draft.foundation.sites if draft.foundation else ()):
        if site.openstack:
            at: Path_ = ("sites", i, "openstack")
            yield from _names(draft, at, site.openstack)
            yield from _zones(draft, at, site)
            yield from _keys(draft, at, site.openstack)
            yield from _flavors(draft, at, site.openstack)
            for j, image in enumerate(site.openstack.images):
                yield from _image(draft, (*at, "images", j), image)


def _names(draft: Draft, at: Path_, spec: OpenStackSite) -> Iterator[ConfigProblem]:
    for alias, what, names in (
        ("flavors", "flavor", [one.name for one in spec.flavors]),
        ("images", "image", [one.name for one in spec.images]),
        ("keyPairs", "key pair", [one.name for one in spec.key_pairs]),
    ):
        named = (((*at, alias, j, "name"), name) for j, name in enumerate(names))
        yield from repeated(draft, FOUNDATION, what, named)
    for j, server in enumerate(spec.name_servers):
        try:
            ipaddress.ip_address(server)
        except ValueError:
            rule = "must be an IP address: a subnet takes no names of DNS servers"
            yield draft.problem(FOUNDATION, (*at, "nameServers", j), server, rule, "Write its address.")


def _zones(draft: Draft, at: Path_, site: Site) -> Iterator[ConfigProblem]:
    if draft.foundation is None or site.openstack is None:
        return
    own = [zone for zone in draft.foundation.environment.zones if zone.site == site.id]
    known = [zone.id for zone in own] + [rack for zone in own for rack in zone.racks]
    named = (((*at, "availabilityZones", name), name) for name in site.openstack.availability_zones)
    yield from unknown(draft, FOUNDATION, named, "the id of a zone or of a rack of the site", known)


def _keys(draft: Draft, at: Path_, spec: OpenStackSite) -> Iterator[ConfigProblem]:
    """A public key holds its own type: Nova refuses one that was cut or mixed up."""
    for j, pair in enumerate(spec.key_pairs):
        kind, encoded = pair.public_key.split(" ")[:2]
        try:
            held = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            held = b""
        head = len(kind).to_bytes(4, "big") + kind.encode()
        if not held.startswith(head) or len(held) <= len(head) + 32:
            path = (*at, "keyPairs", j, "publicKey")
            rule = f"must be a whole public key of type {kind}"
            mend = "Copy the line again from the `.pub` file."
            yield draft.problem(FOUNDATION, path, pair.public_key, rule, mend)


def _flavors(draft: Draft, at: Path_, spec: OpenStackSite) -> Iterator[ConfigProblem]:
    for j, flavor in enumerate(spec.flavors):
        path: Path_ = (*at, "flavors", j)
        yield from whole(draft, (*path, "memory"), flavor.memory, "MiB")
        yield from whole(draft, (*path, "disk"), flavor.disk, "GiB")
        if flavor.resource_class and not flavor.resource_class.startswith("CUSTOM_"):
            rule = "must begin with `CUSTOM_`: Placement keeps all others for itself"
            mend = f"Write `CUSTOM_{flavor.resource_class}`."
            yield draft.problem(FOUNDATION, (*path, "resourceClass"), flavor.resource_class, rule, mend)


def whole(draft: Draft, path: Path_, size: Bytes, unit: str) -> Iterator[ConfigProblem]:
    """A size is a whole number of `MiB` or `GiB`."""
    if size.value % _UNITS[unit]:
        more = int(size.value // _UNITS[unit]) + 1
        rule, mend = f"must be whole {unit}: OpenStack counts in these", f"Write `{more}{unit[:-1]}`."
        yield draft.problem(FOUNDATION, path, size, rule, mend)


def _image(draft: Draft, at: Path_, image: OpenStackImage) -> Iterator[ConfigProblem]:
    """Glance looks at the bytes and refuses others than declared; the ending tells as much beforehand."""
    endings = _ENDINGS[image.format]
    if not image.url.endswith(endings):
        rule = (
            f"must end in {' or '.join(endings)}: Glance unpacks nothing and refuses bytes of another format"
        )
        mend = f"Serve the image as {image.format}, uncompressed, or correct `format`."
        yield draft.problem(FOUNDATION, (*at, "url"), image.url, rule, mend)


RULES = (site_ids, declared)
