"""`callboard` and `python -m services.cli`: run one command and exit with its code (see `services/cli/failures.py`)."""

from services.cli.app import build_app


def main() -> None:
    """Run; raises SystemExit with the exit code."""
    build_app()(prog_name="callboard")


if __name__ == "__main__":
    main()
