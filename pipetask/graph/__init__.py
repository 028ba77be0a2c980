"""Quantum graphs: which quanta a pipeline has on the data of a repository, as columns of integers."""
