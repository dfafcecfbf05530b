"""Stage 2: find sentences and mend where they begin and end.

Imports english, engine, records and config.
"""
