"""Sentences for people that more than one part of the engine says."""

from model.sentence import say

STOPPING = say("I am about to restart: try again in a minute.")
WARMING_UP = say("I am still waking up: try again in a few seconds.")
BROKEN = say("My models do not start here: whoever runs this bot will find the reason in its log.")
TOO_SLOW = say("That took too long: try again in a minute.")
FAILED = say("Something broke while the stanza was written: try again.")
CRASHED = say("This picture crashed the reader: try another one.")
