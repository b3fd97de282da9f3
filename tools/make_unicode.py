#!/usr/bin/env python3
"""Writes src/synapse/runtime/unicode_tables.{h,cc} from the Unicode character database.

usage: make_unicode.py UNICODE_DATA [OUTPUT_DIR]

The version is pinned below: it is the one of the regular expressions and normalisers that published
tokenizers are run with. Needs an interpreter whose unicodedata has it, or the package unicodedata2; and for the
lower case letters UnicodeData.txt of that version (https://www.unicode.org/Public/16.0.0/ucd/).
"""
import sys
import unicodedata

VERSION = "16.0.0"
if unicodedata.unidata_version != VERSION:
    import unicodedata2 as unicodedata
if unicodedata.unidata_version != VERSION:
    sys.exit(f"Unicode {unicodedata.unidata_version}, wanted {VERSION}")

(OTHER, UPPER, LOWER, MODIFIER, LETTER, NUMBER, SPACE, NONSPACING, MARK, PUNCTUATION, SYMBOL, CONTROL) = range(12)
KINDS = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lm": MODIFIER, "Lo": LETTER, "Mn": NONSPACING, "Mc": MARK, "Me": MARK,
         "N": NUMBER, "P": PUNCTUATION, "S": SYMBOL, "Cc": CONTROL, "Cf": CONTROL, "Co": CONTROL}
WHITE_SPACE = [*range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F,
               0x3000]
HANGUL = range(0xAC00, 0xAC00 + 11172)
BLOCK = 128


def char_kind(cp):
    if cp in WHITE_SPACE:
        return SPACE
    category = unicodedata.category(chr(cp))
    return KINDS.get(category, KINDS.get(category[0], OTHER))


def kind_tables():
    """Kind of every code point as (index of a block, blocks of nibbles), as far as LIMIT. Above it are some marks and
    controls that unicode.cc knows: they are checked here."""
    kinds = [OTHER if 0xD800 <= cp < 0xE000 else char_kind(cp) for cp in range(0x110000)]
    limit = max(cp for cp, k in enumerate(kinds) if k != OTHER and cp < 0xE0000) // BLOCK * BLOCK + BLOCK
    for cp in range(limit, 0x110000):
        tag = cp == 0xE0001 or 0xE0020 <= cp < 0xE0080
        private = cp >= 0xF0000 and cp & 0xFFFF < 0xFFFE
        assert kinds[cp] == (CONTROL if tag or private else NONSPACING if 0xE0100 <= cp < 0xE01F0 else OTHER)
    blocks, index = {}, []
    for start in range(0, limit, BLOCK):
        block = tuple(kinds[start : start + BLOCK])
        index.append(blocks.setdefault(block, len(blocks)))
    assert len(blocks) <= 256
    nibbles = [b[i] | b[i + 1] << 4 for b in blocks for i in range(0, BLOCK, 2)]
    return index, nibbles


def compatibility():
    """(code point, decomposition) of those with a compatibility decomposition, one step."""
    out = []
    for cp in range(0x110000):
        decomposition = unicodedata.decomposition(chr(cp))
        if decomposition.startswith("<"):
            out.append((cp, [int(p, 16) for p in decomposition.split()[1:]]))
    return out


def lower_ranges(path):
    """(first, count, stride, offset) of every run of letters whose lower case lies `offset` away. The one letter whose
    lower case is two characters, U+0130, is not among them."""
    out = []
    for line in open(path):
        fields = line.split(";")
        cp = int(fields[0], 16)
        if not fields[13] or cp == 0x130:
            continue
        offset = int(fields[13], 16) - cp
        last = out[-1] if out else None
        step = cp - (last[0] + (last[1] - 1) * last[2]) if last else 0
        if last and last[3] == offset and (last[1] == 1 and step <= 2 or last[2] == step):
            last[1] += 1
            last[2] = step
        else:
            out.append([cp, 1, 1, offset])
    return out


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


def compat_rows(compat):
    at = 0
    for cp, parts in [*compat, (0x110000, [])]:
        yield f"{{{cp:#x}, {at}}}"
        at += len(parts)


def main():
    data = sys.argv[1]
    out = sys.argv[2] if len(sys.argv) > 2 else "src/synapse/runtime"
    index, nibbles = kind_tables()
    steps = decompositions()
    narrow = [s for s in steps if max(s) < 0x10000]
    wide = [s for s in steps if max(s) >= 0x10000]
    # The pairs that compose again: those that NFC leaves whole.
    pairs = [(a, b, i) for i, (cp, a, b) in enumerate(narrow + wide)
             if b and unicodedata.normalize("NFC", chr(cp)) == chr(cp)]
    order = [i for _, _, i in sorted(pairs)]
    combining = combining_ranges()
    compat = compatibility()
    pool = []
    for _, parts in compat:
        pool += parts
    lower = lower_ranges(data)

    with open(f"{out}/unicode_tables.h", "w") as f:
        f.write(f"""// The Unicode {VERSION} character database, as much of it as tokenisation needs.
// Written by tools/make_unicode.py; read through runtime/unicode.h.
#pragma once
#include <cstdint>

namespace synapse::unicode_tables {{

// CharKind of a code point below kKindLimit: nibble cp % {BLOCK} of block kKindIndex[cp / {BLOCK}].
inline constexpr uint32_t kKindBlock = {BLOCK};
inline constexpr uint32_t kKindLimit = {len(index) * BLOCK:#x};
extern const uint8_t kKindIndex[{len(index)}];
extern const uint8_t kKindNibbles[{len(nibbles)}];

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

// One compatibility decomposition step, sorted by code point: from kCompatPool[pool], to where the next one begins.
struct CompatStep {{
  uint32_t code_point;
  uint32_t pool;
}};
inline constexpr uint32_t kCompatSteps = {len(compat)};
extern const CompatStep kCompat[kCompatSteps + 1];  // the last ends the pool
extern const uint32_t kCompatPool[{len(pool)}];

// Runs of capital letters, `stride` apart, and how far away their small ones are; sorted.
struct LowerRange {{
  uint32_t first;
  uint16_t count;
  uint16_t stride;
  int32_t offset;
}};
inline constexpr uint32_t kLowerRanges = {len(lower)};
extern const LowerRange kLower[kLowerRanges];

}}  // namespace synapse::unicode_tables
""")
    with open(f"{out}/unicode_tables.cc", "w") as f:
        f.write(f"""// Written by tools/make_unicode.py from Unicode {VERSION}: tables of a whole standard, as long as they have to be.
#include "synapse/runtime/unicode_tables.h"

namespace synapse::unicode_tables {{

const uint8_t kKindIndex[{len(index)}] = {{
{rows(index)}
}};

const uint8_t kKindNibbles[{len(nibbles)}] = {{
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

const CompatStep kCompat[kCompatSteps + 1] = {{
{rows(compat_rows(compat))}
}};

const uint32_t kCompatPool[{len(pool)}] = {{
{rows(f"{p:#x}" for p in pool)}
}};

const LowerRange kLower[kLowerRanges] = {{
{rows(f"{{{a:#x}, {n}, {step}, {offset}}}" for a, n, step, offset in lower)}
}};

}}  // namespace synapse::unicode_tables
""")
    total = len(index) + len(nibbles) + 6 * len(narrow) + 12 * len(wide) + 2 * len(order) + 8 * len(combining)
    total += 8 * len(compat) + 4 * len(pool) + 12 * len(lower)
    print(f"Unicode {VERSION}: {total} bytes of tables")


main()
