"""The command line: the same commands as the buttons, through the same gateway; every read speaks JSON with --json."""
