"""Gradients of many tenants' data."""
