"""Third-party software: the one catalogue of what is pinned."""
