"""What a result is, and how it lies on disk."""
