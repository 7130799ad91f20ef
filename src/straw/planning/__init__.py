"""What a run on many generators will cost, from a short measurement and a simulation of the engine."""
