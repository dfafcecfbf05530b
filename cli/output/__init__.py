"""Reports, progress, Markdown and result files; imports records and, for progress, the queue."""
