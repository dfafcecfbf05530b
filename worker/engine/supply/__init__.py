"""Places that a model's file comes from. Imports config and errors."""
