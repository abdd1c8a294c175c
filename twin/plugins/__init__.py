"""Stand-ins for plug-ins of the engine, used only where the official ones cannot be had."""
