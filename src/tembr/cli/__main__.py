"""`python -m tembr.cli` is `tembr`."""

from tembr.cli import main

main()
