"""How the weights that the project ships were made, to be made again.

Runs by itself (``python -m worker.training``); the service imports nothing from here.
"""
