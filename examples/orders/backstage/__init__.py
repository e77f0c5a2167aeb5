"""What the demo needs around the flow: the messages, the project's folder, the totals."""
