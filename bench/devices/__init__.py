"""What exported networks take of a device: see __main__.py."""
