"""The command line of Copydesk."""
