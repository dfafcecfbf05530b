"""Stages 6 to 8: choose, write and check the summary.

Imports english, engine, records, config, the checks' result and the sentence splitter.
"""
