"""What the demo needs around the flow: its acts, the messages, the totals."""
