"""What commands print and write: reports, progress, Markdown and result files."""
