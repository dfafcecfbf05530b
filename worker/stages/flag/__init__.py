"""What an editor should look at. Imports english and records, and no other stage."""
