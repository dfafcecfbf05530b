"""The stages of one article, one folder each.

Imports english, engine, records and config; knows no queue.
"""
