"""What runs inside a worker: the process that owns one provider's credentials, limits and cache state."""
