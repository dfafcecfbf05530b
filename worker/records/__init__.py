"""Frozen wire types: articles, jobs, results and reasons.

Imports config only for the profile that each claim carries.
"""
