"""Turns prompts into text, in this process or on a server. Imports config, runtime and errors."""
