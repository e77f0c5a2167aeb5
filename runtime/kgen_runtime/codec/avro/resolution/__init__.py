"""How a reader's schema reads what a writer's schema wrote."""
