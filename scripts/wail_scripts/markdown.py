"""Markdown tables, printed row by row."""


def print_header(*columns):
    print_row(*columns)
    print_row(*("---" for _ in columns))


def print_row(*cells):
    print("|", " | ".join(map(str, cells)), "|", flush=True)
