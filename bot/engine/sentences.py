"""Sentences for people that more than one part of the engine says."""

STOPPING = "I am about to restart: try again in a minute."
WARMING_UP = "I am still waking up: try again in a few seconds."
BROKEN = "My models do not start here: whoever runs this bot will find the reason in its log."
TOO_SLOW = "That took too long: try again in a minute."
FAILED = "Something broke while the stanza was written: try again."
CRASHED = "This picture crashed the reader: try another one."
