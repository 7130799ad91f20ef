"""A trainer in several processes: each keeps its rows of every weight, of the gradient and of Adam's moments."""
