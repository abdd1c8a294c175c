"""Stand-in for the engine's Python language host."""
