"""The stages that process an article, one folder each.

Imports english, engine, records and config. Does not depend on the queue.
"""
