"""`soma`, also as `python -m sfm_cli`."""

from sfm_cli.group import soma


def main() -> None:
    """Run the command line of this process, and exit."""
    soma.main(prog_name="soma")


if __name__ == "__main__":
    main()
