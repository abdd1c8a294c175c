"""Guests of our images under QEMU: started, spoken to, kept as a snapshot and resumed."""
