"""CEL variables that admission forms share, by what their rules are about; unused ones cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from components import naming
from policies.gateway import TRAFFIC
from policies.images import proven
from policies.limits import EVERYONE
from policies.pods import POD_KINDS

Variables: TypeAlias = tuple[dict[str, str], ...]

_POD: Final = (
    "object.kind == 'Pod' ? object.spec : "
    "object.kind == 'PodTemplate' ? object.?template.?spec.orValue({}) : "
    "object.kind == 'CronJob' ? object.spec.jobTemplate.spec.template.spec : "
    "object.?spec.?template.?spec.orValue({})"
)
_PODS: Final[Variables] = (
    {"name": "pod", "expression": _POD},
    {
        "name": "containers",
        "expression": " + ".join(
            f"variables.pod.?{key}.orValue([])"
            for key in ("containers", "initContainers", "ephemeralContainers")
        ),
    },
    {"name": "volumes", "expression": "variables.pod.?volumes.orValue([])"},
)
# The same as policies.limits: enforced limits of every call of some clients, tokens in a day by grant.
_EXPRESSION: Final = (
    f"(h.?type.orValue('') == 'RegularExpression' && !h.?invert.orValue(false) && "
    f"h.name == '{naming.CLIENT_HEADER}')"
)
_LIMITS: Final[Variables] = (
    {"name": "rules", "expression": "object.?spec.?rateLimit[?'global'].?rules.orValue([])"},
    {
        "name": "limits",
        "expression": "variables.rules.filter(r, !r.?shadowMode.orValue(false) && "
        "r.?clientSelectors.orValue([]).all(s, s.all(k, k == 'headers')))"
        ".map(r, {'rule': dyn(r), 'headers': "
        "dyn(r.?clientSelectors.orValue([]).map(s, s.?headers.orValue([])).flatten())})"
        f".filter(e, size(e.headers.filter(h, {_EXPRESSION})) <= 1 && e.headers.all(h, {_EXPRESSION} || "
        f"(h.?type.orValue('') == 'Distinct' && "
        f"h.name in ['{naming.CLIENT_HEADER}', '{naming.MONTH_HEADER}'])))"
        ".map(e, {'clients': dyn("
        "e.headers.filter(h, h.?type.orValue('') == 'RegularExpression').map(h, h.value)"
        f"[?0].orValue('{EVERYONE}')), "
        "'counts': dyn(e.rule.?cost.?response.?metadata.?key.orValue('')), "
        "'unit': dyn(e.rule.limit.?unit.orValue('')), 'most': dyn(e.rule.limit.?requests.orValue(0))})",
    },
    {
        "name": "daily",
        "expression": "variables.limits.filter(l, l.counts == 'total_tokens' && l.unit == 'Day')",
    },
    {
        "name": "caps",
        "expression": r"variables.daily.filter(l, l.clients.matches('^\\([a-z0-9|-]+\\)\\\\\\.'))"
        ".map(l, l.clients.substring(1, l.clients.indexOf(')')).split('|')"
        ".map(g, {'grant': dyn(g), 'most': dyn(l.most)})).flatten()",
    },
    {
        "name": "everyone",
        "expression": f"variables.daily.filter(l, l.clients == '{EVERYONE}').map(l, l.most)",
    },
)
_NOTES: Final[Variables] = (
    {"name": "notes", "expression": "object.metadata.?annotations.orValue({})"},
    {"name": "today", "expression": "object.metadata.creationTimestamp.substring(0, 10)"},
)


def shared(kinds: Sequence[str], of_gateway: bool) -> list[dict[str, str]]:
    """The variables that the admission form of a rule about `kinds` may use."""
    found = [*_NOTES] if of_gateway else []
    if any(kind in POD_KINDS for kind in kinds):
        found += [*_PODS, _proven()]
    if any(kind in TRAFFIC for kind in kinds):
        found += _LIMITS
    return found


def _proven() -> dict[str, str]:
    """The digests of our own images by name, as CEL has a map."""
    listed = ", ".join(f"'{name}': '{digest}'" for name, digest in proven().items())
    return {"name": "proven", "expression": f"{{{listed}}}"}
