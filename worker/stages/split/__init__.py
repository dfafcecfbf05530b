"""Stage 2: splits text into sentences and repairs their boundaries.

Imports english, engine, records and config.
"""
