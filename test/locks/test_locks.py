"""The locks on layers and on circles of files find violations that are planted into a copy of the tree."""
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*argv, cwd=None):
    done = subprocess.run([str(a) for a in argv], cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def copy_tree(to):
    for folder in ("src", "include", "cmake", "script"):
        shutil.copytree(ROOT / folder, to / folder)
    for file in ("CMakeLists.txt", "layers.txt"):
        shutil.copy(ROOT / file, to / file)
    return to


@pytest.fixture
def tree(tmp_path):
    return copy_tree(tmp_path / "tree")


def includes(tree):
    return run(tree / "script/check-includes")


def test_include_lock_passes_the_clean_tree(tree):
    status, out = includes(tree)
    assert status == 0, out


@pytest.mark.parametrize(
    "place, line, why",
    [
        ("base/planted.h", '#include "core/ring.h"', "upward"),
        ("core/planted.c", '#include "loop/loop.h"', "sideways"),
        ("token/planted.c", '  #  include "store/store.h"', "sideways"),
        ("store/planted.c", "#include <pool/options.h>", "upward"),
        ("pool/planted.h", '#include "worker/worker.h"', "upward"),
        ("worker/planted.c", '#include "keeper/keeper.h"', "sideways"),
        ("keeper/planted.h", '#include "worker/reserve.h"', "sideways"),
        ("core/planted.c", '#include "ring.h"', "included by its layer"),
        ("core/planted.c", '#include "../loop/loop.h"', "goes through"),
        ("core/planted.c", '#include "core/../loop/loop.h"', "goes through"),
        ("core/planted.c", "#include PLANTED", "no plain file name"),
        ("worker/planted.c", "#include <h2o.h>", "fenced"),
        ("keeper/planted.h", '#include "h2o.h"', "fenced"),
        ("http/planted.c", "#include <hiredis/hiredis.h>", "fenced"),
        ("http/planted.c", "#include <libdeflate.h>", "fenced"),
        ("store/planted.c", "#include <openssl/sha.h>", "fenced"),
        ("http/planted.c", "#include <jwt.h>", "fenced"),
        ("daemon/planted.c", "#include <jansson.h>", "fenced"),
        ("daemon/planted.c", "#include <yaml.h>", "fenced"),
        ("http/yaml_planted.c", "#include <yaml.h>", "fenced"),
        ("store/deeper/planted.c", '#include "http/options.h"', "upward"),
        ("lib/planted.c", '#include "token/key.h"', "sideways"),
        ("ctl/planted.c", '#include "daemon/config.h"', "sideways"),
        ("ctl/planted.c", "#include <openssl/evp.h>", "fenced"),
        ("token/planted.c", "#include <zlib.h>", "fenced"),
        ("http/planted.c", "#include <curl/curl.h>", "fenced"),
        ("../include/statuslist/planted.h", '#include "base/err.h"', "sideways"),
        ("unknown/planted.c", "int planted;", "does not know"),
        ("../include/unknown/planted.h", "int planted;", "does not know"),
        ("planted.c", "int planted;", "belongs to no layer"),
    ],
)
def test_include_lock_rejects(tree, place, line, why):
    planted = tree / "src" / place
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text("#include <stdint.h>\n" + line + "\n")
    status, out = includes(tree)
    assert status == 1
    assert why in out and len(out.splitlines()) == 1, out


@pytest.mark.parametrize(
    "place, line",
    [
        ("loop/planted.c", "#include <h2o.h>"),
        ("http/planted.h", "#include <h2o/http1.h>"),
        ("store/planted.c", "#include <hiredis/async.h>"),
        ("token/planted.c", "#include <openssl/evp.h>"),
        ("daemon/yaml_planted.c", "#include <yaml.h>"),
        ("keeper/planted.c", '#include "store/store.h"'),
        ("worker/planted.c", '#include "pool/mail.h"'),
    ],
)
def test_include_lock_lets_the_owner_in(tree, place, line):
    (tree / "src" / place).write_text(line + "\n")
    status, out = includes(tree)
    assert status == 0, out


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A configured copy; its tests plant one file and take it away again."""
    tree = with_presets(copy_tree(tmp_path_factory.mktemp("locks") / "tree"))
    for preset in ("release", "debug"):
        status, out = run("cmake", "--preset", preset, "-DBUILD_TESTING=OFF", cwd=tree)
        assert status == 0, out
    return tree


def with_presets(tree):
    shutil.copy(ROOT / "CMakePresets.json", tree)
    return tree


def build(tree, target, preset="release"):
    return run("cmake", "--build", tree / "build" / preset, "-j2", "--target", target)


@pytest.fixture
def plant(built):
    planted = []

    def put(place, text):
        planted.append(built / "src" / place)
        planted[-1].write_text(text)
        return built

    yield put
    for path in planted:
        path.unlink()


@pytest.mark.parametrize("layer", ["base", "core", "loop"])
def test_link_lock_passes_the_clean_tree(built, layer):
    status, out = build(built, f"lock_{layer}")
    assert status == 0, out


@pytest.mark.parametrize(
    "layer, symbol",
    [("base", "sl_ring_new"), ("base", "sl_loop_new"), ("core", "sl_loop_new"), ("core", "sl_config_load"),
     ("keeper", "sl_reserve_now"), ("worker", "sl_keeper_new")],
)
def test_link_lock_rejects_an_extern_smuggled_past_the_includes(plant, layer, symbol):
    tree = plant(
        f"{layer}/planted.c",
        f"extern void *{symbol}(void);\nvoid *sl_planted(void);\nvoid *sl_planted(void)\n{{\n    return {symbol}();\n}}\n",
    )
    assert includes(tree)[0] == 0
    status, out = build(tree, f"lock_{layer}")
    assert status != 0
    assert f"undefined reference to `{symbol}'" in out, out


def test_link_lock_ranks_are_those_of_layers_txt(tree):
    with_presets(tree)
    lists = tree / "CMakeLists.txt"
    before = lists.read_text()
    lists.write_text(before.replace("sl_layer(token  RANK 2 LAYERS base", "sl_layer(token  RANK 2 LAYERS store base"))
    assert lists.read_text() != before
    status, out = run("cmake", "--preset", "release", "-DBUILD_TESTING=OFF", cwd=tree)
    assert status != 0
    assert "may not link" in out, out


def purity(tree):
    return run(tree / "script/check-pure")


def test_purity_lock_passes_the_clean_tree(built):
    status, out = build(built, "sl_core")
    assert status == 0, out
    status, out = purity(built)
    assert status == 0, out


@pytest.mark.parametrize(
    "header, call, symbol",
    [
        ("time.h", "struct timespec t; clock_gettime(CLOCK_REALTIME, &t); return (int)t.tv_sec;", "clock_gettime"),
        ("stdlib.h", 'return getenv("PLANTED") != NULL;', "getenv"),
        ("stdio.h", 'return puts("planted");', "puts"),
        ("pthread.h", "return pthread_equal(pthread_self(), 0);", "pthread_self"),
        ("base/clock.h", "return sl_clock_system.arg != NULL;", "sl_clock_system"),
    ],
)
def test_purity_lock_rejects(plant, header, call, symbol):
    tree = plant("core/planted.c", f"#include <{header}>\nint sl_planted(void);\nint sl_planted(void)\n{{\n    {call}\n}}\n")
    status, out = build(tree, "sl_core")
    assert status == 0, out
    status, out = purity(tree)
    assert status == 1
    assert symbol in out.splitlines(), out


def circles(tree, layer="base"):
    status, out = build(tree, f"sl_{layer}", "debug")
    assert status == 0, out
    return run(tree / "script/check-circles", layer)


def test_circle_check_passes_the_clean_tree(built):
    status, out = circles(built)
    assert status == 0, out


def caller(name, other):
    """A file with one function, which calls that of another file."""
    return f"void sl_{other}(void);\nvoid sl_{name}(void);\nvoid sl_{name}(void)\n{{\n    sl_{other}();\n}}\n"


def test_circle_check_rejects_a_circle_of_calls(plant):
    for name, other in (("one", "two"), ("two", "three"), ("three", "one")):
        tree = plant(f"base/planted_{name}.c", caller(name, other))
    tree = plant("base/planted_four.c", caller("four", "one"))
    status, out = circles(tree)
    assert status == 1
    assert out.splitlines() == ["a circle of 3 files in src/base: planted_one planted_three planted_two",
                                "    planted_one needs planted_two: sl_two",
                                "    planted_three needs planted_one: sl_one",
                                "    planted_two needs planted_three: sl_three"], out


def test_circle_check_rejects_a_circle_of_includes(plant):
    plant("base/planted_one.h", '#pragma once\n#include "base/planted_two.h"\n')
    plant("base/planted_two.h", "#pragma once\nstruct sl_planted;\n")
    tree = plant("base/planted_two.c", '#include "base/planted_one.h"\nstruct sl_planted *sl_planted_list;\n')
    status, out = circles(tree)
    assert status == 1
    assert out.splitlines() == ["a circle of 2 files in src/base: planted_one planted_two",
                                "    planted_one needs planted_two: planted_one.h includes planted_two.h",
                                "    planted_two needs planted_one: planted_two.c includes planted_one.h"], out


def test_circle_check_rejects_a_call_down_and_an_include_up(plant):
    plant("base/planted_one.h", "#pragma once\nvoid sl_one(void);\n")
    plant("base/planted_one.c", '#include "base/planted_one.h"\n' + caller("one", "two"))
    tree = plant("base/planted_two.c", '#include "base/planted_one.h"\nvoid sl_two(void);\nvoid sl_two(void)\n{\n}\n')
    status, out = circles(tree)
    assert status == 1 and "planted_two.c includes planted_one.h" in out, out


@pytest.mark.parametrize("user, status", [(".c", 0), (".h", 1)])
def test_circle_check_lets_files_share_a_private_header(plant, user, status):
    """The private header puts the struct of a part into its own; the part may see the whole, its header may not."""
    plant("base/planted_int.h", '#pragma once\n#include "base/planted_part.h"\nstruct planted {\n    struct planted_part part;\n};\n')
    plant("base/planted_part.h", "#pragma once\nstruct planted_part {\n    int a;\n};\n"
          + ('#include "base/planted_int.h"\n' if user == ".h" else ""))
    tree = plant("base/planted_part.c", '#include "base/planted_part.h"\n#include "base/planted_int.h"\nextern struct planted sl_planted;\n')
    found, out = circles(tree)
    assert found == status, out


def test_circle_check_wants_what_was_built(plant):
    tree = plant("base/planted.c", "int sl_planted;\n")
    status, out = run(tree / "script/check-circles", "base")
    assert status == 1 and "script/lint locks builds them" in out, out
