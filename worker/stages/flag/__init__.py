"""Flags on a repaired article for an editor. Imports english and records, and no other stage."""
