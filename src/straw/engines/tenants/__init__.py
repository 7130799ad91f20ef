"""Many training models over one base: what a server computes with."""
