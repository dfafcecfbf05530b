"""Measures repair, summaries, furniture removal, damage repair and the support check.

Each evaluation takes the function that it measures as an argument; only ``measure`` connects the
evaluations to the engine and the stages. May import every room except ``queue`` and ``training``.
Nothing is imported here, because the metric libraries are slow to load.
"""
