"""The embedded default: a digital twin of a data centre on one machine. Use it through `twin.api`."""
