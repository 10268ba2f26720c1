"""What every fanscribe process shares: errors, settings, logs, metrics, servers, channels."""
