"""The engine: what turns prompts into text. Imports config, process and errors; knows no stage."""
