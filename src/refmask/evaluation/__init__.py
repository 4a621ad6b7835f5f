"""A system asked every expression of a data set: records as they are decided, then figures."""
