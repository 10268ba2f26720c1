"""What every fanscribe process shares: errors, settings, logs, metrics, gRPC servers and channels."""
