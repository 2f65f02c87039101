"""What each command does, between the arguments (``cli.py``) and the passes; a file for each command."""
