"""Collecting: song metadata, and the words of songs from services that give them out."""
