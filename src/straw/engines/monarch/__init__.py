"""The distributed engine: a trainer and several generators, each a process of its own, on Meta's Monarch."""
