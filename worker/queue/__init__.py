"""The queue: submitting, Celery tasks, leases and recovery.

Imports records, config, process and the pipeline.
"""
