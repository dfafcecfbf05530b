"""Damages clean text in named, reproducible ways, for training and for evaluation.

``sentence`` and ``word`` introduce translation errors, ``document`` introduces copy-and-paste
faults, and ``claim`` makes false claims. Imports only ``worker.english``.
"""
