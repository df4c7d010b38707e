"""What an operator looks at: log, health, measures, retention."""
