"""The command line: thin, and what it needs is imported when it runs."""
