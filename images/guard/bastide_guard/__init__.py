"""The guard: checks and masks every prompt before the AI gateway routes it."""
