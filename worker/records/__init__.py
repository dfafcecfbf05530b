"""Frozen wire types: articles, jobs, results and reasons.

Imports config for the profile that a job carries.
"""
