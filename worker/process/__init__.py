"""Processes and what they write: daemons, the embedded Valkey, logs and traces. Imports errors."""
