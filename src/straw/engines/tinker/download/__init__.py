"""Weights that lie with a service, brought to this machine."""
