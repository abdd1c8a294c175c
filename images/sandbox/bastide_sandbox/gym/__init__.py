"""Environments of Gymnasium over HTTP: the same seed and actions give the same episode."""
