"""Damages clean text in named, reproducible ways, for training and for evaluation.

``sentence`` and ``word`` introduce translation errors, ``calque`` and ``word_order`` the idiom and
word order of other languages, ``document`` introduces copy-and-paste faults, and ``claim`` makes
false claims. Imports only ``worker.english``.
"""
