"""Stage 1: removes page furniture and keeps the story.

Imports english and records, but no other stage.
"""
