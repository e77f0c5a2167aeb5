"""What users are shown of a run: how far it is, the line of their code, texts fit for a terminal."""
