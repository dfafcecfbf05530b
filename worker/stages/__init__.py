"""The stages of one article, in folders.

Imports english, engine, records and config; knows no queue.
"""
