#!/usr/bin/env python3
"""Writes src/synapse/runtime/unicode_tables.{h,cc} from the Unicode character database.

usage: make_unicode.py [OUTPUT_DIR]

The version is pinned below: it is the one of the regular expressions and normalisers that published
tokenizers are run with. Needs an interpreter whose unicodedata has it, or the package unicodedata2.
"""
import sys
import unicodedata

VERSION = "16.0.0"
if unicodedata.unidata_version != VERSION:
    import unicodedata2 as unicodedata
if unicodedata.unidata_version != VERSION:
    sys.exit(f"Unicode {unicodedata.unidata_version}, wanted {VERSION}")

OTHER, LETTER, NUMBER, SPACE, MARK = range(5)
WHITE_SPACE = [*range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F,
               0x3000]
HANGUL = range(0xAC00, 0xAC00 + 11172)
BLOCK = 128


def char_class(cp):
    if cp in WHITE_SPACE:
        return SPACE
    return {"L": LETTER, "N": NUMBER, "M": MARK}.get(unicodedata.category(chr(cp))[0], OTHER)


def class_tables():
    """Class of every code point as (index of a block, blocks of nibbles); the last block is all OTHER."""
    classes = [OTHER if 0xD800 <= cp < 0xE000 else char_class(cp) for cp in range(0x110000)]
    limit = max(cp for cp, c in enumerate(classes) if c != OTHER and cp < 0xE0000) // BLOCK * BLOCK + BLOCK
    tail = [cp for cp in range(limit, 0x110000) if classes[cp] != OTHER]
    assert tail == list(range(0xE0100, 0xE01F0)) and all(classes[cp] == MARK for cp in tail)
    blocks, index = {}, []
    for start in range(0, limit, BLOCK):
        block = tuple(classes[start : start + BLOCK])
        index.append(blocks.setdefault(block, len(blocks)))
    assert len(blocks) <= 256
    nibbles = [b[i] | b[i + 1] << 4 for b in blocks for i in range(0, BLOCK, 2)]
    return index, nibbles


def decompositions():
    """One canonical step each: (code point, first, second), second 0 for a singleton."""
    out = []
    for cp in range(0x110000):
        if 0xD800 <= cp < 0xE000 or cp in HANGUL:
            continue
        parts = unicodedata.decomposition(chr(cp))
        if parts and not parts.startswith("<"):
            a, *b = (int(p, 16) for p in parts.split())
            out.append((cp, a, b[0] if b else 0))
    return out


def combining_ranges():
    """(first, last, class) of every run of code points with one non-zero combining class."""
    out = []
    for cp in range(0x110000):
        ccc = unicodedata.combining(chr(cp))
        if ccc and out and out[-1][1] == cp - 1 and out[-1][2] == ccc:
            out[-1][1] = cp
        elif ccc:
            out.append([cp, cp, ccc])
    return out


def rows(values):
    lines, line = [], ""
    for v in values:
        item = f"{v}, "
        if len(line) + len(item) > 106:
            lines.append(line.rstrip())
            line = ""
        line += item
    return "\n".join("    " + x for x in lines + [line.rstrip()])


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else "src/synapse/runtime"
    index, nibbles = class_tables()
    steps = decompositions()
    narrow = [s for s in steps if max(s) < 0x10000]
    wide = [s for s in steps if max(s) >= 0x10000]
    # The pairs that compose again: those that NFC leaves whole.
    pairs = [(a, b, i) for i, (cp, a, b) in enumerate(narrow + wide)
             if b and unicodedata.normalize("NFC", chr(cp)) == chr(cp)]
    order = [i for _, _, i in sorted(pairs)]
    combining = combining_ranges()

    with open(f"{out}/unicode_tables.h", "w") as f:
        f.write(f"""// The Unicode {VERSION} character database, as much of it as tokenisation needs.
// Written by tools/make_unicode.py; read through runtime/unicode.h.
#pragma once
#include <cstdint>

namespace synapse::unicode_tables {{

// Class (CharClass) of a code point below kClassLimit: nibble cp % {BLOCK} of block kClassIndex[cp / {BLOCK}].
inline constexpr uint32_t kClassBlock = {BLOCK};
inline constexpr uint32_t kClassLimit = {len(index) * BLOCK:#x};
extern const uint8_t kClassIndex[{len(index)}];
extern const uint8_t kClassNibbles[{len(nibbles)}];

// One canonical decomposition step, sorted by code point; second is 0 for a singleton.
struct NarrowStep {{
  uint16_t code_point, first, second;
}};
struct WideStep {{
  uint32_t code_point, first, second;
}};
inline constexpr uint32_t kNarrowSteps = {len(narrow)};
inline constexpr uint32_t kWideSteps = {len(wide)};
extern const NarrowStep kNarrow[kNarrowSteps];
extern const WideStep kWide[kWideSteps];

// The steps that compose again, sorted by (first, second): i in kNarrow, or i - kNarrowSteps in kWide.
inline constexpr uint32_t kCompositions = {len(order)};
extern const uint16_t kComposition[kCompositions];

// Runs of code points with one canonical combining class other than 0, in order.
struct CombiningRange {{
  uint32_t first;
  uint16_t count;
  uint8_t combining_class;
}};
inline constexpr uint32_t kCombiningRanges = {len(combining)};
extern const CombiningRange kCombining[kCombiningRanges];

}}  // namespace synapse::unicode_tables
""")
    with open(f"{out}/unicode_tables.cc", "w") as f:
        f.write(f"""// Written by tools/make_unicode.py from Unicode {VERSION}.
#include "synapse/runtime/unicode_tables.h"

namespace synapse::unicode_tables {{

const uint8_t kClassIndex[{len(index)}] = {{
{rows(index)}
}};

const uint8_t kClassNibbles[{len(nibbles)}] = {{
{rows(nibbles)}
}};

const NarrowStep kNarrow[kNarrowSteps] = {{
{rows(f"{{{c:#x}, {a:#x}, {b:#x}}}" for c, a, b in narrow)}
}};

const WideStep kWide[kWideSteps] = {{
{rows(f"{{{c:#x}, {a:#x}, {b:#x}}}" for c, a, b in wide)}
}};

const uint16_t kComposition[kCompositions] = {{
{rows(order)}
}};

const CombiningRange kCombining[kCombiningRanges] = {{
{rows(f"{{{a:#x}, {b - a + 1}, {c}}}" for a, b, c in combining)}
}};

}}  // namespace synapse::unicode_tables
""")
    total = len(index) + len(nibbles) + 6 * len(narrow) + 12 * len(wide) + 2 * len(order) + 8 * len(combining)
    print(f"Unicode {VERSION}: {total} bytes of tables")


main()
