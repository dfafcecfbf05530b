"""English words, numbers, names and quotations in a text. Imports nothing of the project."""
