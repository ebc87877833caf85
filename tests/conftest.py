"""What every test may use. Nothing here leaves the machine."""
