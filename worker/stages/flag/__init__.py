"""Flags for the editor of a repaired article. Imports english and records, but no other stage."""
