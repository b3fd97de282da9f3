#!/usr/bin/env python3
"""What cmake --install gives, used as a stranger would: the examples built with CMake and with pkg-config, the library as a
part of another project, and only the names of include/synapse.h in it.

SYNAPSE_BUILD names the build folder, SYNAPSE_BINARY the program; both have defaults.
"""
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SYNAPSE_BUILD", ROOT / "build/release"))
BINARY = os.environ.get("SYNAPSE_BINARY", str(BUILD / "synapse"))
PROMPT, N_TOKENS = "Once upon a time", 60

PARENT = """
cmake_minimum_required(VERSION 3.25)
project(parent LANGUAGES C CXX)
add_subdirectory({root} synapse)
add_executable(story {root}/examples/story.c)
target_link_libraries(story synapse::synapse)
get_property(targets DIRECTORY {root} PROPERTY BUILDSYSTEM_TARGETS)
foreach(target IN LISTS targets)
  get_target_property(type ${{target}} TYPE)
  if(type STREQUAL EXECUTABLE)
    message(FATAL_ERROR "${{target}}: a program of Synapse in somebody else's build")
  endif()
endforeach()
foreach(package GTest CLI11 nlohmann_json PkgConfig)
  if(DEFINED ${{package}}_FOUND)
    message(FATAL_ERROR "${{package}} was looked for")
  endif()
endforeach()
"""


def run(*command, **kwargs):
    done = subprocess.run([str(c) for c in command], capture_output=True, **kwargs)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="synapse-install-"))
        first = cls.folder / "first"
        run("cmake", "--install", BUILD, "--prefix", first)
        cls.prefix = cls.folder / "moved"  # a package may be unpacked anywhere
        first.rename(cls.prefix)
        cls.lib = next(cls.prefix.glob("lib*/**/libsynapse.so.0"))
        cls.model = cls.prefix / "share/synapse/models/synapse-story-4m-Q8_0.gguf"
        cls.wanted = run(BINARY, "run", "-m", cls.model, "-p", PROMPT, "-n", N_TOKENS, "--temp", "0")
        assert b"little girl named Lily" in cls.wanted

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def assert_tells_the_story(self, *command, **kwargs):
        self.assertEqual(run(*command, self.model, PROMPT, N_TOKENS, **kwargs), self.wanted)

    def test_everything_is_there(self):
        for path in ["bin/synapse", "include/synapse.h", "share/synapse/models/synapse-story-4m-Q8_0.gguf"]:
            self.assertTrue((self.prefix / path).is_file(), path)
        for pattern in ["libsynapse.a", "libsynapse.so", "libsynapse.so.0", "cmake/synapse/synapseConfig.cmake",
                        "cmake/synapse/synapseConfigVersion.cmake", "pkgconfig/synapse.pc"]:
            self.assertTrue((self.lib.parent / pattern).exists(), pattern)
        self.assertEqual(len(list(self.prefix.glob("share/doc/*/LICENSE"))), 1)

    def test_the_installed_program_finds_the_model_by_name(self):
        out = run(self.prefix / "bin/synapse", "run", "-m", "synapse-story-4m", "-p", PROMPT, "-n", N_TOKENS, "--temp", "0",
                  cwd="/")
        self.assertEqual(out, self.wanted)

    def test_the_libraries_export_the_header_and_nothing_else(self):
        declared = set()
        for line in (ROOT / "include/synapse.h").read_text().splitlines():
            if line.startswith("SYN_API"):
                declared.add(line.split("(")[0].split()[-1].lstrip("*"))
        self.assertGreater(len(declared), 35)
        dynamic = run("nm", "-D", "--defined-only", "--format=posix", self.lib).decode().split("\n")
        static = run("nm", "-g", "--defined-only", "--format=posix", self.lib.parent / "libsynapse.a").decode().split("\n")
        for lines in dynamic, [line for line in static if not line.endswith(":")]:
            self.assertEqual({line.split()[0] for line in lines if line.strip()}, declared)

    def test_the_shared_library_has_a_soname_and_needs_the_c_library_alone(self):
        entries = run("readelf", "-d", self.lib).decode()
        self.assertIn("soname: [libsynapse.so.0]", entries)
        needed = {line.split("[")[1].rstrip("]") for line in entries.splitlines() if "(NEEDED)" in line}
        self.assertTrue(needed <= {"libc.so.6", "libm.so.6", "libpthread.so.0"}, needed)

    def test_examples_with_cmake(self):
        build = self.folder / "examples"
        run("cmake", "-S", ROOT / "examples", "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        self.assert_tells_the_story(build / "story_c")
        self.assert_tells_the_story(build / "story_cc")

    def test_examples_with_pkg_config(self):
        env = dict(os.environ, PKG_CONFIG_PATH=str(self.lib.parent / "pkgconfig"))
        flags = run("pkg-config", "--cflags", "--libs", "synapse", env=env).decode().split()
        for compiler, source in ("cc", "story.c"), ("c++", "story.cc"):
            program = self.folder / ("pc_" + source.replace(".", "_"))
            run(compiler, "-Wall", "-Wextra", "-Werror", ROOT / "examples" / source, "-o", program, *flags)
            self.assert_tells_the_story(program, env=dict(os.environ, LD_LIBRARY_PATH=str(self.lib.parent)))
        archive = run("pkg-config", "--variable=libdir", "synapse", env=env).decode().strip() + "/libsynapse.a"
        static = self.folder / "pc_static"
        run("cc", "-static", ROOT / "examples/story.c", f"-I{self.prefix}/include", archive, "-lpthread", "-lm", "-o", static)
        self.assert_tells_the_story(static)

    def test_example_in_python(self):
        self.assert_tells_the_story(sys.executable, ROOT / "examples/story.py", self.lib)

    def test_examples_are_short(self):
        for example in ROOT.glob("examples/story.*"):
            self.assertLess(len(example.read_text().splitlines()), 60, example)

    def test_an_example_says_what_is_wrong_and_ends_on_an_interrupt(self):
        program = self.folder / "story"
        run("cc", ROOT / "examples/story.c", f"-I{self.prefix}/include", self.lib.parent / "libsynapse.a", "-lpthread", "-lm",
            "-o", program)
        failed = subprocess.run([program, "/no/such.gguf"], capture_output=True)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(b"/no/such.gguf", failed.stderr)
        running = subprocess.Popen([program, self.model, PROMPT, "-1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertTrue(running.stdout.read(1))
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
        self.assertIn(running.returncode, (0, 1))  # 0: the story was over before the signal came
        if running.returncode:
            self.assertIn(b"cancelled", err)

    def test_python_cancels_from_another_thread(self):
        lib = ctypes.CDLL(str(self.lib))
        model, session = ctypes.c_void_p(), ctypes.c_void_p()
        self.assertEqual(lib.syn_model_load(str(self.model).encode(), None, ctypes.byref(model), None), 0)
        self.assertEqual(lib.syn_session_create(model, None, ctypes.byref(session), None), 0)
        ids = (ctypes.c_int32 * 250)(*range(1, 251))
        n_feeds, best = 0, 1e9
        asked = []

        def cancel():
            time.sleep(0.05)
            asked.append(time.monotonic())
            lib.syn_session_cancel(session, 1)

        for _ in range(3):
            thread = threading.Thread(target=cancel)
            thread.start()
            while lib.syn_session_feed(session, ids, ctypes.c_size_t(250), None) == 0:  # until the request arrives
                n_feeds += 1
                self.assertEqual(lib.syn_session_truncate(session, ctypes.c_size_t(0), None), 0)
            best = min(best, time.monotonic() - asked[-1])
            thread.join()
        n = ctypes.c_size_t(7)
        self.assertEqual(lib.syn_session_tokens(session, None, ctypes.c_size_t(0), ctypes.byref(n), None), 0)
        self.assertEqual(n.value, 0)
        self.assertGreater(n_feeds, 0)
        self.assertLess(best, 0.05)
        lib.syn_session_free(session)
        lib.syn_model_free(model)

    def test_as_a_part_of_another_project(self):
        parent = self.folder / "parent"
        parent.mkdir()
        (parent / "CMakeLists.txt").write_text(PARENT.format(root=ROOT))
        launcher = shutil.which("ccache")
        cache = [f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}"] if launcher else []
        run("cmake", "-G", "Ninja", "-S", parent, "-B", parent / "build", "-DCMAKE_BUILD_TYPE=Debug",
            "-DCMAKE_CXX_FLAGS_DEBUG=-O0", *cache)  # that it builds is the question, not how fast it is
        run("cmake", "--build", parent / "build", "--target", "story", "-j2")
        self.assert_tells_the_story(parent / "build/story")


if __name__ == "__main__":
    unittest.main()
