"""Built images, and what runs them in tests."""
