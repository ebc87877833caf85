"""What `make` runs. Standard library only: it has to work before anything is installed."""
