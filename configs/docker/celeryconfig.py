# ruff: noqa: INP001 - mounted as a single file, no part of a package
"""What Flower must know of Copydesk's broker; Celery loads it by its name."""

#: As in worker/queue/celery_app.py, which Flower's image does not have. Without it Flower listens
#: on channels
#: that no worker writes to, and counts queues that do not exist.
broker_transport_options = {"global_keyprefix": "cd:mq:"}
accept_content = ["json"]
