"""Lua lives in files and is loaded by name."""

from importlib.resources import files


def load_script(name: str) -> str:
    """The text of `lua/<name>.lua`."""
    return files(__package__).joinpath("lua", f"{name}.lua").read_text("utf-8")
