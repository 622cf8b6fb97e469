"""What a model is: its architecture, its description, its files; published weights."""
