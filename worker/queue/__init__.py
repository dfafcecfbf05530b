"""The queue: submitting, Celery tasks, leases and recovery.

Imports records, config, process, the engine, the pipeline and the shared lines of ``clean``.
"""
