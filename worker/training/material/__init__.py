"""Draws pairs: machine English and the good English that says the same, claims and evidence.

May import what ``worker.training`` may.
"""
