"""script/check-files and the limit of functions find violations that are planted into a copy of the tree."""
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*argv):
    done = subprocess.run([str(a) for a in argv], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


@pytest.fixture
def tree(tmp_path):
    for folder in ("src", "include", "script"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_passes_the_clean_tree(tree):
    status, out = run(tree / "script/check-files")
    assert status == 0, out


@pytest.mark.parametrize("place", ["src/base/planted.h", "include/statuslist/planted.h", "test/unit/planted.c", "script/planted"])
def test_finds_a_long_file(tree, place):
    (tree / place).parent.mkdir(parents=True, exist_ok=True)
    (tree / place).write_text("\n" * 600)
    assert run(tree / "script/check-files")[0] == 0
    (tree / place).write_text("\n" * 601)
    assert run(tree / "script/check-files") == (1, f"{place}: 601 lines, at most 600\n")


@pytest.mark.parametrize("use, status", [
    ("int sl_planted; /* sl_uuid_text */", 1),
    ('const char *sl_planted = "sl_uuid_text";', 1),
    ("const void *sl_planted = sl_uuid_text;", 0),
])
def test_finds_an_include_without_use(tree, use, status):
    assert "sl_uuid_text(" in (tree / "src/base/uuid.h").read_text()
    (tree / "src/base/planted.c").write_text(f'/* Planted. */\n#include "base/uuid.h"\n{use}\n')
    found, out = run(tree / "script/check-files")
    assert found == status and (status == 0 or out == "src/base/planted.c: includes base/uuid.h and uses no name that it declares\n"), out


@pytest.mark.parametrize("files, status", [
    ({"planted.c": "int sl_planted;\n"}, 1),
    ({"planted.c": "int sl_planted; /* not at the head */\n"}, 1),
    ({"planted.c": "int sl_planted;\n", "planted_int.h": "/* For the layer. */\n"}, 1),
    ({"planted.c": "int sl_planted;\n", "planted.h": "#pragma once\n"}, 1),
    ({"planted.c": "int sl_planted;\n", "planted.h": "/* A story. */\n"}, 0),
    ({"planted.c": "/* A story. */\nint sl_planted;\n"}, 0),
])
def test_finds_a_file_without_a_story(tree, files, status):
    for name, text in files.items():
        (tree / "src/base" / name).write_text(text)
    found, out = run(tree / "script/check-files")
    assert found == status and (status == 0 or out == "src/base/planted.c: no comment at its head, nor in a planted.h\n"), out


@pytest.mark.parametrize("code, types", [
    ("int sl_planted(struct sl_buf *b, const struct sl_span *b);", "struct sl_buf, struct sl_span"),
    ("int sl_planted(struct sl_buf *b, char n);\nvoid sl_other(size_t n, unsigned b)\n{\n}", "struct sl_buf, unsigned"),
    ("static char b[2];\nstruct sl_planted {\n    X509 **b;\n};", "X509, char"),
    ("int sl_planted(struct sl_buf *b, size_t n);\nvoid sl_other(const struct sl_buf *b, int n);", None),
    ("int sl_planted(struct sl_buf *b); /* char b; */\nint sl_other(int a)\n{\n    return b;\n}", None),
])
def test_finds_a_letter_of_several_types(tree, code, types):
    (tree / "src/base/planted.c").write_text(f"/* Planted. */\n{code}\n")
    found = run(tree / "script/check-files")
    assert found == (1, f"src/base/planted.c: b stands for {types}\n") if types else found[0] == 0, found


@pytest.mark.parametrize("place, use, status", [
    ("lag.c", "p->state.now", 1),
    ("state.c", "p->state.now", 0),
    ("lag.c", "sl_keeper_pool_state(p) /* ->state.now */", 0),
])
def test_finds_a_field_of_another_part(tree, place, use, status):
    with open(tree / "src/keeper" / place, "a") as f:
        f.write(f"int sl_planted(struct sl_kpool *p);\nint sl_planted(struct sl_kpool *p)\n{{\n    return {use};\n}}\n")
    found, out = run(tree / "script/check-files")
    assert found == status and (status == 0 or out == "src/keeper/lag.c: touches state.now, which belongs to state.c\n"), out


@pytest.mark.parametrize("statements, status", [(58, 0), (59, 1)])
def test_clang_tidy_finds_a_long_function(tmp_path, statements, status):
    body = "    a++;\n" * statements + "    return a;\n"
    (tmp_path / "planted.c").write_text(f"int sl_planted(int a);\nint sl_planted(int a)\n{{\n{body}}}\n")
    found, out = run("clang-tidy-14", f"--config-file={ROOT}/.clang-tidy", "--quiet", tmp_path / "planted.c", "--")
    assert found == status and ("exceeds recommended size" in out) == bool(status), out
