"""`python -m everspark` is the command `everspark`."""

from everspark.cli import main

main()
