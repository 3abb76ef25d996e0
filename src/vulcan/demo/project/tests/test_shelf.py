from shelf.cli import main


def run(path, *arguments):
    return main(["--file", str(path), *arguments])


def test_added_books_are_listed(tmp_path, capsys):
    path = tmp_path / "list.json"
    run(path, "add", "The Dispossessed", "--author", "Ursula K. Le Guin")
    run(path, "add", "Roadside Picnic")

    assert run(path, "list") == 0
    assert (
        capsys.readouterr().out == "  1 [ ] The Dispossessed by Ursula K. Le Guin\n  2 [ ] Roadside Picnic\n"
    )


def test_a_read_book_is_marked(tmp_path, capsys):
    path = tmp_path / "list.json"
    run(path, "add", "Roadside Picnic")
    run(path, "done", "1")

    run(path, "list")
    assert capsys.readouterr().out == "  1 [x] Roadside Picnic\n"


def test_a_missing_number_is_refused(tmp_path, capsys):
    assert run(tmp_path / "list.json", "done", "7") == 1
    assert "no book 7" in capsys.readouterr().out
