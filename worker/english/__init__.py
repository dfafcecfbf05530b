"""Words, numbers, names and quotations in English text. Imports no other part of the project."""
