"""Stage 1: take page furniture out and keep the story.

Imports english and records, and no other stage.
"""
