"""The command line: one module per command; imports queue, records, config and runtime."""
