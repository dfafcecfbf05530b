"""Train the weights that the project ships, and those of a newsroom (``copydesk learn``).

May import every room but the queue; no room of the service imports this one.
"""
