"""Damage of named kinds, made in clean text by a fixed seed, so that its answer is known.

``sentence`` makes what translation does to a sentence, ``document`` what cutting, pasting and the
page around it do to an article. Both are trained on and measured with.
"""
