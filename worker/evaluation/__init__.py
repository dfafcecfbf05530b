"""Measure repair, summaries, furniture, damage and support against human work.

Each evaluation takes what it measures as a callable; only ``measure`` knows engine and stages. May
import every room but ``queue`` and ``training``. Nothing is imported here, as the measuring
libraries are slow to load.
"""
