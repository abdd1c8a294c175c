"""The Pulumi program: the stack's name, `<env>.<layer>`, says what is deployed.

The whole environment is checked first, so that plain `pulumi up` refuses what `bastide check` refuses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi

from components.model.errors import ConfigError
from components.model.loading import LAYERS, EnvironmentModel, load_environment
from components.model.outputs import OutputsError
from components.model.tenant import TenantStack
from stacks import foundation, platform, tenant

CONFIG = Path(__file__).resolve().parent / "config"


def main() -> None:
    """Check, then hand over to the layer's page. Nothing is registered where anything is wrong."""
    environment, _, layer = pulumi.get_stack().partition(".")
    if not layer:
        raise pulumi.RunError(
            f"stack {environment}: must be named <env>.<layer>, e.g. {environment}.foundation"
        )
    try:
        model = load_environment(CONFIG, environment, override=(layer, settings(layer)), dates=[layer])
        deploy(model, layer)
    except (ConfigError, OutputsError) as error:
        raise pulumi.RunError(str(error)) from None


def settings(layer: str) -> dict[str, Any]:
    """The layer's values as the engine has them: those of its file and of `--config`."""
    given = pulumi.Config("bastide")
    keys = [field.alias or name for name, field in LAYERS.get(layer, TenantStack).model_fields.items()]
    found = {key: given.get_object(key) for key in keys}
    return {key: value for key, value in found.items() if value is not None}


def deploy(model: EnvironmentModel, layer: str) -> None:
    """Deploy one layer."""
    if layer == "foundation":
        foundation.deploy(model)
    elif layer == "platform":
        platform.deploy(model)
    else:
        tenant.deploy(model, model.tenants[layer])


if __name__ == "__main__":
    main()
