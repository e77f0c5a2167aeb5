"""From the model, the lock and what is on disk to file actions, and the report of them."""
