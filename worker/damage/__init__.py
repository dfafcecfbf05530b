"""Damage clean text in named ways, from a fixed seed, for training and for evaluation.

``sentence`` and ``word`` make translation errors, ``document`` what cutting and pasting do to an
article, ``claim`` false claims. Imports ``worker.english`` only.
"""
