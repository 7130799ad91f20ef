"""The Tinker service, or a `straw serve`, as an engine."""
