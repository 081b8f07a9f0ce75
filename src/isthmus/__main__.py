"""`python -m isthmus` is the `isthmus` command."""

from isthmus.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main(prog_name="isthmus")
