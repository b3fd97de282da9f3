#!/usr/bin/env python3
"""The same as story.c from Python, with ctypes alone: story.py LIBSYNAPSE.so MODEL.gguf [PROMPT [TOKENS]]."""
import ctypes as c
import sys

lib = c.CDLL(sys.argv[1])


class Error(c.Structure):
    _fields_ = [("code", c.c_int32), ("message", c.c_char * 508)]


class Sampler(c.Structure):  # the first fields of syn_sampler_options; the struct says how much of it there is
    _fields_ = [("struct_size", c.c_size_t), ("seed", c.c_uint64), ("temperature", c.c_float), ("top_k", c.c_int32)]


class Options(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("sampler", c.POINTER(Sampler)), ("stop", c.c_void_p),
                ("n_stop", c.c_size_t), ("max_tokens", c.c_int32), ("show_special", c.c_int32)]


class Token(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("text", c.c_char_p), ("text_size", c.c_size_t), ("id", c.c_int32),
                ("logprob", c.c_float)]


error = Error()


def call(name, *arguments):
    if getattr(lib, name)(*arguments, c.byref(error)) != 0:
        sys.exit("story: " + error.message.decode(errors="replace"))


@c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(Token))
def show(_, token):
    print(token.contents.text.decode(), end="", flush=True)
    return 0


model, session, n = c.c_void_p(), c.c_void_p(), c.c_size_t()
prompt = (sys.argv[3] if len(sys.argv) > 3 else "Once upon a time").encode()
call("syn_model_load", sys.argv[2].encode(), None, c.byref(model))
call("syn_session_create", model, None, c.byref(session))
ids = (c.c_int32 * (3 * len(prompt) + 16))()
call("syn_tokenize", model, prompt, c.c_size_t(len(prompt)), 1, ids, c.c_size_t(len(ids)), c.byref(n))
call("syn_session_feed", session, ids, n)
sampler, options = Sampler(), Options()
lib.syn_sampler_options_default(c.byref(sampler), c.c_size_t(c.sizeof(sampler)))
lib.syn_generate_options_default(c.byref(options), c.c_size_t(c.sizeof(options)))
sampler.temperature = 0
options.sampler, options.max_tokens = c.pointer(sampler), int(sys.argv[4]) if len(sys.argv) > 4 else 200
call("syn_session_generate", session, c.byref(options), show, None, None)
print()
lib.syn_session_free(session)
lib.syn_model_free(model)
