"""Stages 3 to 5: spots, rewrites and checks sentences.

Imports english, engine, records and config.
"""
