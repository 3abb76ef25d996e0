"""The shelf command."""

import argparse
from pathlib import Path

from shelf.books import Book, load, save


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="shelf", description="A reading list")
    parser.add_argument("--file", type=Path, default=Path("shelf.json"), help="where the list is kept")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="add a book")
    add.add_argument("title")
    add.add_argument("--author", default="")
    commands.add_parser("list", help="show all books")
    done = commands.add_parser("done", help="mark a book as read")
    done.add_argument("number", type=int)
    return parser


def line(number: int, book: Book) -> str:
    """One book as the list shows it."""
    mark = "x" if book.done else " "
    by = f" by {book.author}" if book.author else ""
    return f"{number:3} [{mark}] {book.title}{by}"


def main(argv: "list[str] | None" = None) -> int:
    """Run one command; returns the exit code."""
    arguments = build_parser().parse_args(argv)
    books = load(arguments.file)
    if arguments.command == "add":
        books.append(Book(arguments.title, arguments.author))
        save(arguments.file, books)
    elif arguments.command == "done":
        if not 1 <= arguments.number <= len(books):
            print(f"There is no book {arguments.number}.")
            return 1
        books[arguments.number - 1].done = True
        save(arguments.file, books)
    else:
        for number, book in enumerate(books, start=1):
            print(line(number, book))
    return 0
