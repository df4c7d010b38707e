"""One HTML page that shows what the models see, write and score: ``songwriter report``."""
