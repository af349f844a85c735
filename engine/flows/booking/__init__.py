"""What became of an order, and what nobody ordered, is booked."""
