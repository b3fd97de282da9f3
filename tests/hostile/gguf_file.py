"""A GGUF v3 file taken apart and put together again, with lies wherever a test wants them."""
import struct
from pathlib import Path

STRING, ARRAY = 8, 9
FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
U32, I32, F32 = 4, 5, 6


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def f32(value):
    return struct.pack("<f", value)


def text(value, length=None):
    """A string; `length` is what its length field says."""
    data = value if isinstance(value, bytes) else value.encode()
    return u64(len(data) if length is None else length) + data


def array(element, values, count=None):
    """An array's bytes after its type; `count` is what its length field says."""
    body = b"".join(text(v) if element == STRING else struct.pack("<" + FORMATS[element], v) for v in values)
    return u32(element) + u64(len(values) if count is None else count) + body


class Tensor:
    def __init__(self, name, dims, dtype, offset, n_dims=None):
        self.name, self.dims, self.dtype, self.offset, self.n_dims = name, list(dims), dtype, offset, n_dims

    def bytes(self):
        dims = b"".join(u64(d) for d in self.dims)
        return text(self.name) + u32(len(self.dims) if self.n_dims is None else self.n_dims) + dims + u32(self.dtype) + u64(self.offset)


class GgufFile:
    """`metadata`: key -> (type, bytes after the type). `n_tensors`, `n_entries`: what the header says, if not the truth."""

    def __init__(self):
        self.metadata, self.tensors, self.data = {}, [], b""
        self.n_tensors = self.n_entries = None
        self.alignment = 32

    @staticmethod
    def read(path):
        data = memoryview(Path(path).read_bytes())
        at = 24

        def take(format):
            nonlocal at
            value, = struct.unpack_from("<" + format, data, at)
            at += struct.calcsize("<" + format)
            return value

        def take_text():
            nonlocal at
            n = take("Q")
            at += n
            return bytes(data[at - n:at])

        def skip(kind):
            nonlocal at
            if kind == STRING:
                take_text()
            elif kind == ARRAY:
                element, count = take("I"), take("Q")
                for _ in range(count):
                    skip(element)
            else:
                at += struct.calcsize(FORMATS[kind])

        file = GgufFile()
        version, n_tensors, n_entries = struct.unpack_from("<IQQ", data, 4)
        assert bytes(data[:4]) == b"GGUF" and version == 3
        for _ in range(n_entries):
            key = take_text().decode()
            kind = take("I")
            start = at
            skip(kind)
            file.metadata[key] = (kind, bytes(data[start:at]))
        for _ in range(n_tensors):
            name = take_text().decode()
            dims = [take("Q") for _ in range(take("I"))]
            file.tensors.append(Tensor(name, dims, take("I"), take("Q")))
        file.data = bytes(data[(at + 31) // 32 * 32:])
        return file

    def tensor(self, name):
        return next(t for t in self.tensors if t.name == name)

    def bytes(self):
        out = b"GGUF" + u32(3)
        out += u64(len(self.tensors) if self.n_tensors is None else self.n_tensors)
        out += u64(len(self.metadata) if self.n_entries is None else self.n_entries)
        for key, (kind, value) in self.metadata.items():
            out += text(key) + u32(kind) + value
        for tensor in self.tensors:
            out += tensor.bytes()
        return out + bytes(-len(out) % self.alignment) + self.data
