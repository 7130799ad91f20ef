"""A reward that is fitted to the log of a run: which reply would earn full reward?

belief     centre, field, nothing: three kinds of models, weighed by the evidence, that grow by rows
model      the same from step to step, with what was tried and what was paid in full
likeness, kernels, ranks, factors        what they are made of
fields     Gaussian processes that are solved anew: for turns that are paid by themselves
"""
