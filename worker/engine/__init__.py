"""Turns prompts into text, in this process or on a server. Imports config, process and errors."""
