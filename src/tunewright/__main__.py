"""`python -m tunewright`: the command line."""

from tunewright.cli import main

if __name__ == "__main__":
    main()
