"""The queue: submitting, Celery tasks, leases and recovery.

Imports records, config, runtime, the engine, the pipeline and ``clean.shared_lines``.
"""
