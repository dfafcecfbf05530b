"""Draws pairs for the writer: machine English and the good English that says the same.

May import what ``worker.training`` may.
"""
