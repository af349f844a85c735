"""What our own clients of brokers share: HTTP that never sends twice, lanes, a breaker, events."""
