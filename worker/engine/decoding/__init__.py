"""Greedy decoding that verifies drafts, on torch. Imports nothing else of the project."""
