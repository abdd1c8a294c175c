"""What starts the guests and speaks with them, without QEMU."""
