"""The copy desk itself: stages, engine, queue. Knows nothing of the command line."""

__version__ = "0.1.0"
