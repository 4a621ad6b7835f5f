"""Weights files of all models: where they are published, how they are read without risk."""
