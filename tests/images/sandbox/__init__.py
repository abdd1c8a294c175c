"""The servers of the sandbox images, without a container."""
