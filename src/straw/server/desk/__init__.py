"""Requests as they come in: who may ask, in which order they are done, and where their answers wait."""
