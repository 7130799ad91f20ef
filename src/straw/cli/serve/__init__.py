"""straw serve."""
