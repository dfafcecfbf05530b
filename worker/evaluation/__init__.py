"""Measuring the desk against people's work: repair, summaries, furniture.

Each evaluation takes what it measures as a callable, so that it knows no engine and no stage:
``repair.evaluate_repair``, ``summary.evaluate_summary``, ``furniture.evaluate_furniture``, on rows
that ``rows`` reads. Nothing is imported here: the measuring libraries are slow to load.
"""
