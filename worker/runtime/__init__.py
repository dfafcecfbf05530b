"""Daemons, the embedded Valkey, logs and traces. Imports only errors."""
