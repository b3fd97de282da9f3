// Runs a freestanding test program in node: run_wasm.mjs PROGRAM.wasm. The module exports.__main_void() and
// imports only a log and a clock; anything else it wants is an error here.
import { readFileSync } from "node:fs";

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
let memory;
const synapse = {
  log: (at, n) => console.log(new TextDecoder().decode(new Uint8Array(memory.buffer, at, n))),
  seconds: () => performance.now() / 1000,
};
const { exports } = new WebAssembly.Instance(module, { synapse });
memory = exports.memory;
exports._initialize();
process.exitCode = exports.__main_void();
