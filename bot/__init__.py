"""The Discord side and the command line. Never imports torch at import time."""
