"""What every fanscribe process shares: errors, settings, logs, metrics, servers, channels."""

import os

# gRPC writes lines of its own to standard error, one for each handshake that fails: not JSON, and
# as many as whoever knocks likes. It reads this when it is imported; what matters it raises.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
