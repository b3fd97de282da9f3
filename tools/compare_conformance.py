#!/usr/bin/env python3
"""Runs the conformance program of a target and compares its digests with the native scalar program's.

compare_conformance.py --reference NATIVE_PROGRAM -- COMMAND...

Lines "digest NAME HEX" must be the same in both, as sets: none changed, none missing, none new. Ends with
"N passed, N failed"; the exit status is 0 when none failed and both programs left with 0.
"""

import argparse
import os
import subprocess
import sys

TIMEOUT_S = 280


def digests(command, **extra_env):
    """name -> hex of a program's digest lines; raises when it fails, hangs or prints no digest."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=TIMEOUT_S, env={**os.environ, **extra_env})
    found = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "digest":
            if words[1] in found:
                raise RuntimeError(f"{words[1]} printed twice")
            found[words[1]] = words[2]
    if done.returncode != 0:
        raise RuntimeError(f"exit status {done.returncode}; its last lines:\n" + done.stdout[-2000:])
    if not found:
        raise RuntimeError("printed no digest:\n" + done.stdout[-2000:])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", required=True, help="the native program, run with SYNAPSE_ISA=scalar")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()

    wanted = got = None
    try:
        wanted = digests([args.reference], SYNAPSE_ISA="scalar")
        got = digests(args.command)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        print(f"{' '.join(args.command) if wanted else args.reference}: {error}")
        print("0 passed, 1 failed")
        return 1

    failed = 0
    for name in sorted(wanted.keys() | got.keys()):
        if wanted.get(name) != got.get(name):
            failed += 1
            print(f"FAILED {name}: {got.get(name, 'missing')}, wanted {wanted.get(name, 'no such case')}")
    print(f"{len(wanted.keys() | got.keys()) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
