"""How work reaches the models: requests and results, admission and batching, worker processes."""
