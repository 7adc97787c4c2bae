"""What runs by itself: beats, accounts, deliveries, the outbox."""
