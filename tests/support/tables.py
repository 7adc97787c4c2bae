"""Tables in text, as docstrings and documents have them: read by the tests that hold them against the code."""


def table(text: str, heading: str) -> list[list[str]]:
    """The rows below the header line whose first cell is `heading`. Fails when there is no such table."""
    lines = iter(line.strip() for line in text.splitlines())
    for line in lines:
        if line.startswith("|") and cells(line)[0] == heading:
            break
    else:
        raise AssertionError(f"there is no table headed {heading!r}")
    next(lines)
    rows: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(cells(line))
    return rows


def cells(line: str) -> list[str]:
    """The cells of one line, without the marks around code."""
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
