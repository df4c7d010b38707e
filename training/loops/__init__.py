"""How each model is trained."""
