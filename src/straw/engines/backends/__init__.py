"""Generators that are not straw's own, behind the same verbs."""
