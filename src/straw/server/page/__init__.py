"""The page for people at /, and /metrics for Prometheus."""
