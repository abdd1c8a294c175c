"""Questions to Prometheus that alerts and dashboard share.

Sources: https://aigateway.envoyproxy.io/docs/capabilities/observability/metrics,
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/stats,
https://github.com/envoyproxy/ratelimit#statistics
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from components.gateway.values import home
from components.model import AiModel, Gateway

CALLS: Final = "gen_ai_server_request_duration_seconds_count"
TOKENS: Final = "gen_ai_client_token_usage_sum"
TENANTS: Final = r"(.+)-gateway/limits"
"""Domain of the rate limits of one tenant: the namespace and name of its policy."""

HOME: Final = f'namespace="{home.NAMESPACE}"'
DOWNSTREAM: Final = f'{HOME},envoy_http_conn_manager_prefix=~"https?-[0-9]+"'


def failed(window: str) -> str:
    """The share of calls that the server failed, over a window."""
    all_calls = f"sum(rate(envoy_http_downstream_rq_xx{{{DOWNSTREAM}}}[{window}]))"
    bad = f'sum(rate(envoy_http_downstream_rq_xx{{{DOWNSTREAM},envoy_response_code_class="5"}}[{window}]))'
    return f"{bad} / {all_calls}"


def limited(metric: str, window: str = "5m") -> str:
    """What a counter of the rate limit service grew by, per tenant and rule."""
    name = f'ratelimit_service_rate_limit_{metric}{{domain=~"{TENANTS}"}}'
    grown = f"sum by (domain, key1) (increase({name}[{window}]))"
    return f'label_replace({grown}, "tenant", "$1", "domain", "{TENANTS}")'


def spent(gateway: Gateway) -> str:
    """What all calls of 30 days cost, in the platform's currency: tokens by the price of what served them.

    Where two providers give models the same name, the dearer price counts. Input holds the cached part, too.
    """
    prices: dict[tuple[str, str], Decimal] = {}
    for price in (price for provider in gateway.providers for price in provider.prices):
        cached = Decimal(0) if price.cached_input is None else price.cached_input - price.input
        kinds = {"input": price.input, "cached_input": cached, "output": price.output}
        for kind, amount in kinds.items():
            prices[price.model, kind] = max(amount, prices.get((price.model, kind), amount))
    return " + ".join(
        f'(sum(increase({TOKENS}{{gen_ai_request_model="{model}",gen_ai_token_type="{kind}"}}[30d]))'
        f" or vector(0)) * {amount / 1_000_000:f}"
        for (model, kind), amount in prices.items()
        if amount
    )


def fallback_share(model: AiModel) -> str:
    """The share of a model's calls that one of its fallbacks answered."""
    own = either({place.model for place in model.serving})
    asked = f'{CALLS}{{gen_ai_original_model=~"{either(model.names)}",error_type=""'
    return f'sum(rate({asked},gen_ai_request_model!~"{own}"}}[15m])) / sum(rate({asked}}}[15m]))'


def either(names: Iterable[str]) -> str:
    """A regular expression of names, as it stands in a PromQL string."""
    return "|".join(re.escape(name).replace("\\", "\\\\") for name in sorted(names))


def classes() -> str:
    """Calls a second by class of status."""
    return f"sum by (envoy_response_code_class) (rate(envoy_http_downstream_rq_xx{{{DOWNSTREAM}}}[5m]))"


def duration(quantile: str) -> str:
    """A quantile of a whole call's duration at the proxy, in milliseconds."""
    buckets = f"sum by (le) (rate(envoy_http_downstream_rq_time_bucket{{{DOWNSTREAM}}}[5m]))"
    return f"histogram_quantile({quantile}, {buckets})"


def tokens(by: str) -> str:
    """Tokens a second by a label of the AI gateway's."""
    return f"sum by ({by}) (rate({TOKENS}[5m]))"


def first_token(quantile: str) -> str:
    """A quantile of the time to the first token, in seconds, by the provider's model."""
    buckets = "rate(gen_ai_server_time_to_first_token_seconds_bucket[5m])"
    return f"histogram_quantile({quantile}, sum by (le, gen_ai_request_model) ({buckets}))"


def filter_failures() -> str:
    """Calls a second that the guard or the AI gateway's processor failed."""
    return f"sum(rate(envoy_http_ext_proc_streams_failed{{{HOME}}}[5m]))"


def guarded(by: str, counter: str) -> str:
    """What the guard counts in a second, by a label."""
    return f"sum by ({by}) (rate(bastide_guard_{counter}_total{{{HOME}}}[5m]))"
