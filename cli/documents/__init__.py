"""Readers that turn files, folders and stdin into articles and refusals; imports records only."""
