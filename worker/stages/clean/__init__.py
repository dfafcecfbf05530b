"""Stage 1: remove page furniture and keep the story.

Imports english and records, and no other stage.
"""
