"""What both planes ask of the operating system of their host."""
