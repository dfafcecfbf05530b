"""Greedy decoding with copy verification, over torch. Imports nothing of the project."""
