"""Evaluation of a system on a data set: a record for every expression, and their metrics."""
