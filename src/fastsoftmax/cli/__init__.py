"""The command line: commands, reports and pictures."""
