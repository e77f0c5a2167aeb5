"""What becomes of messages that failed."""
