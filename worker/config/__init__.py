"""Settings, profiles and where weights are. Imports errors; loads nothing heavy."""
