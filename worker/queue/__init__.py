"""The queue: submitting, Celery tasks, leases and recovery.

Imports records, config, process, the engine, the pipeline and ``clean.shared_lines``.
"""
