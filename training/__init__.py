"""Offline side: data sets, training, evaluation. Imports model, never bot."""
