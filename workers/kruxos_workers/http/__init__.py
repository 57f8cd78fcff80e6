"""A worker's HTTP client: one provider's origin, HTTP/1.1, every failure typed."""
