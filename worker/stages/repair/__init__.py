"""Stages 3 to 5: spot, rewrite and check sentences. Imports english, engine, records and config."""
