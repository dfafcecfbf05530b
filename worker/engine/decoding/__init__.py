"""Greedy decoding that verifies drafts, on torch. Imports nothing from the rest of the project."""
