"""Readers: files, folders and stdin as a stream of articles and refusals."""
