"""Stages 6 to 8: chooses, writes and checks the summary.

Imports english, engine, records, config, ``CheckResult`` and the sentence splitter.
"""
