"""Cells of Python and JavaScript, each session in a process of its own."""
