"""What brokers say: heard, asked for, compared with the books."""
