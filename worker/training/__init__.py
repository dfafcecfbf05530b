"""Trains the weights that the project ships, and a newsroom's own (``copydesk learn``).

May import every room except the queue; no room of the service imports this one.
"""
