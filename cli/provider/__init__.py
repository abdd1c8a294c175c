"""The life of a provider: admitted, degraded, its key rotated, exited with evidence."""
