#!/usr/bin/env python3
"""Holds the source to its layers: check_layers.py ROOT, or check_layers.py --selftest.

In ROOT/src/synapse every file belongs to a layer (its folder) and
  - includes of the project only its own layer and those its row below names;
  - as a freestanding layer, includes of the standard library only FREESTANDING, and capi its public header;
  - tests no preprocessor condition, outside base/compiler.h.
Tests (*_test.cc), apps and everything else outside src/synapse are free.
"""

import pathlib
import re
import sys
import tempfile

# layer -> layers whose headers it may include besides its own. docs/architecture.md has the same table.
ENGINE = {
    "base": "",
    "platform": "base",
    "tensor": "base",
    "ops": "base tensor",
    "cpu/kernels": "base",
    "cpu": "base platform tensor cpu/kernels",
    "gpu": "base platform tensor",
    "io": "base platform tensor",
    "nn": "base tensor ops",
    "model": "base tensor ops io nn",
    "memory": "base tensor ops nn",
    "runtime": "base platform tensor ops io nn model memory",
    "sim": "base",
}
HOSTED = {"import": "", "quant": "import", "train": "quant import", "lab": "train quant import sim", "serve": "import"}
MAY_INCLUDE = {layer: set(row.split()) | {layer} for layer, row in ENGINE.items()}
MAY_INCLUDE["capi"] = set(ENGINE) | {"capi"}
MAY_INCLUDE |= {layer: set(ENGINE) | set(row.split()) | {layer} for layer, row in HOSTED.items()}

FREESTANDING = set("span array bit string_view optional concepts type_traits algorithm limits utility cstdint cstddef "
                   "cstring initializer_list new".split())  # <new> for placement; tools/check_symbols.sh sees the rest
# An instruction set's file may name its compiler's intrinsics, the C interface its header, which lies in include/.
ALSO = {"cpu/kernels": {"immintrin.h", "arm_neon.h", "wasm_simd128.h"}, "capi": {"synapse.h"}}
# These are one target's own and never part of another: what the operating system offers is theirs to use.
TARGET_FILES = {"platform/posix.cc", "platform/linux_resources.cc", "platform/threads.cc"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
CONDITION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b")
SUFFIXES = {".h", ".cc", ".inl", ".def", ".mm"}


def layer_of(path):
    """The layer of a path below src/synapse: the longest folder that the table names."""
    folder = str(pathlib.PurePosixPath(path).parent)
    while folder not in (".", ""):
        if folder in MAY_INCLUDE:
            return folder
        folder = str(pathlib.PurePosixPath(folder).parent)
    return None


def lines_outside_comments(text):
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return enumerate(text.splitlines(), 1)


def project_include(name, root, includer):
    """The path below src/synapse that `#include "name"` means, or None when it is not ours."""
    if name.startswith("synapse/"):
        return name[len("synapse/"):]
    beside = includer.parent / name
    return str(beside.resolve().relative_to(root.resolve())) if beside.exists() else None


def check(source_root):
    root = pathlib.Path(source_root) / "src" / "synapse"
    problems = []
    for file in sorted(p for p in root.rglob("*") if p.suffix in SUFFIXES and not p.name.endswith("_test.cc")):
        path = file.relative_to(root).as_posix()
        layer = layer_of(path)
        if layer is None:
            problems.append(f"{path}: its folder is no layer of the table in tools/check_layers.py")
            continue
        freestanding = layer not in HOSTED and layer != "gpu" and path not in TARGET_FILES
        for number, line in lines_outside_comments(file.read_text()):
            where = f"{path}:{number}"
            if CONDITION.match(line) and path != "base/compiler.h":
                problems.append(f"{where}: {line.strip()}: conditions belong in base/compiler.h or in a target's own file")
            found = INCLUDE.match(line)
            if not found:
                continue
            quoted, system = found.groups()
            ours = project_include(quoted, root, file) if quoted else None
            if ours:
                wanted = layer_of(ours)
                if wanted not in MAY_INCLUDE[layer]:
                    problems.append(f"{where}: {layer} includes {ours}; it may include {sorted(MAY_INCLUDE[layer])}")
            elif freestanding:
                name = quoted or system
                if name not in FREESTANDING and name not in ALSO.get(layer, ()):
                    problems.append(f"{where}: {layer} is freestanding and includes {name}")
    return problems


# A tree that keeps the rules, and what each line added to one of its files must be refused for.
GOOD = {
    "base/compiler.h": "#pragma once\n#if defined(__x86_64__)\n#endif\n",
    "base/status.h": '#include <span>\n#include "synapse/base/compiler.h"\n// #if in a comment\n',
    "cpu/device.cc": '#include "synapse/cpu/kernels/kernels.h"\n#include "synapse/platform/threads.h"\n',
    "cpu/kernels/kernels.h": '#include "synapse/base/status.h"\n',
    "cpu/kernels/avx2.cc": '#include <immintrin.h>\n#include "kernels.h"\n',
    "platform/posix.cc": "#include <unistd.h>\n",
    "platform/threads.h": "",
    "nn/block.h": "",
    "nn/block_test.cc": '#include <vector>\n#include "synapse/runtime/session.h"\n#ifdef X\n#endif\n',
    "runtime/session.h": '#include "synapse/nn/block.h"\n',
    "capi/model.cc": '#include "synapse.h"\n#include "synapse/runtime/session.h"\n',
    "import/hf.cc": '#include <vector>\n#include "synapse/runtime/session.h"\n',
}
BAD = [
    ("base/status.h", "#include <vector>", "freestanding and includes vector"),
    ("base/status.h", '#include "synapse/nn/block.h"', "base includes nn/block.h"),
    ("base/status.h", "#ifdef X", "conditions belong"),
    ("base/status.h", "  #  elif Y", "conditions belong"),
    ("cpu/device.cc", '#include "synapse/nn/block.h"', "cpu includes nn/block.h"),
    ("cpu/device.cc", "#include <immintrin.h>", "freestanding and includes immintrin.h"),
    ("cpu/kernels/avx2.cc", '#include "synapse/platform/threads.h"', "cpu/kernels includes platform/threads.h"),
    ("cpu/kernels/avx2.cc", '#include "../../platform/threads.h"', "cpu/kernels includes platform/threads.h"),
    ("cpu/kernels/avx2.cc", "#include <cmath>", "freestanding and includes cmath"),
    ("platform/posix.cc", '#include "synapse/cpu/kernels/kernels.h"', "platform includes cpu/kernels/kernels.h"),
    ("platform/posix.cc", "#if X", "conditions belong"),
    ("nn/block.h", '#include "synapse/runtime/session.h"', "nn includes runtime/session.h"),
    ("runtime/session.h", '#include "synapse/import/hf.h"', "runtime includes import/hf.h"),
    ("runtime/session.h", '#include "nlohmann/json.hpp"', "freestanding and includes nlohmann/json.hpp"),
    ("runtime/session.h", '#include "synapse.h"', "freestanding and includes synapse.h"),
    ("capi/model.cc", "#include <string>", "freestanding and includes string"),
    ("import/hf.cc", '#include "synapse/capi/capi.h"', "import includes capi/capi.h"),
    ("extras/new.cc", "", "is no layer"),
]


def selftest():
    failed = 0
    for path, line, complaint in [("base/status.h", "", None)] + BAD:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in GOOD.items():
                file = root / "src/synapse" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            file = root / "src/synapse" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(GOOD.get(path, "") + line + "\n")
            problems = check(root)
        wanted = 0 if complaint is None else 1
        if len(problems) != wanted or (complaint and complaint not in problems[0]):
            failed += 1
            print(f"{path} with {line!r}: found {problems}, wanted {complaint}")
    print(f"{len(BAD) + 1 - failed} passed, {failed} failed")
    return failed


def main():
    if sys.argv[1:] == ["--selftest"]:
        return 1 if selftest() else 0
    problems = check(sys.argv[1])
    print("\n".join(problems) or "layers: in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
