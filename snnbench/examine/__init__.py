"""What one or two finished records tell: their networks, behaviour, differences and pictures."""
