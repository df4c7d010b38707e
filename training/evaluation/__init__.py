"""How good the models are: measures, studies, and the report."""
