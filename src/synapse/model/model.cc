#include "synapse/model/model.h"

#include <algorithm>
#include <new>

#include "synapse/base/rng.h"
#include "synapse/io/own_formats.h"
#include "synapse/model/families.h"
#include "synapse/model/read_config.h"
#include "synapse/nn/norm.h"

namespace synapse {
namespace {

constexpr size_t kWiringBytes = 1 << 16;  // arena for the tape of a model.json

// The family whose model.json lists this architecture.
struct Wiring {
  const Family* family = nullptr;
  JsonValue root;
};

bool lists(JsonValue names, std::string_view wanted) {
  for (JsonValue name : names.elements())
    if (name.as_string() == wanted) return true;
  return false;
}

Result<Wiring> find_wiring(std::string_view architecture, Arena& arena) {
  char text[200];
  TextBuffer known(text, sizeof text);
  for (const Family& family : families()) {
    const size_t mark = arena.mark();
    SYN_TRY(json, parse_json({reinterpret_cast<const uint8_t*>(family.model_json.data()), family.model_json.size()}, arena));
    if (lists(json.root()["architectures"], architecture)) return Wiring{&family, json.root()};
    arena.rewind(mark);
    known.append(' '), known.append(family.name);
  }
  return fail(Code::unsupported, "general.architecture: \"", architecture, "\" is not a family we know:", known.view(),
              " (docs/add-a-model.md)");
}

uint64_t hash_number(uint64_t h, int64_t n) { return hash64(&n, sizeof n, h); }

}  // namespace

size_t Model::arena_bytes(const Checkpoint& checkpoint) {
  const size_t n = checkpoint.tensors.size();
  size_t layers = 0;
  for (const MetaEntry& entry : checkpoint.metadata)
    if (entry.key.ends_with(".block_count")) layers = size_t(std::clamp<int64_t>(entry.value.as_int().value_or(0), 0, 4096));
  return sizeof(Model) + n * sizeof(NamedWeight) + joined_bytes(checkpoint) + kWiringBytes + layers * (size_t(8) << 10) + (size_t(64) << 10);
}

Result<Model*> Model::build(const Checkpoint& checkpoint, Device& device, Arena& arena, Faults& faults) {
  const std::string_view architecture = checkpoint.architecture();
  if (checkpoint.tensors.empty()) return fail(Code::unsupported, "no tensors: a vocabulary, not a model");
  SYN_TRY(wiring, find_wiring(architecture, arena));

  void* place = arena.alloc(sizeof(Model), alignof(Model));
  if (!place) return fail(Code::out_of_memory, "model: no room in its arena");
  Model* m = new (place) Model;
  m->family_ = wiring.family->name;
  const int32_t faults_before = faults.count();
  m->config_ = read_config(checkpoint, faults);
  if (faults.count() > faults_before) return faults.status(Code::corrupt, "model");
  const Config& c = m->config_;

  SYN_TRY(all, arena.zeroed<NamedWeight>(checkpoint.tensors.size(), "weights table"));
  size_t n_weights = 0;
  for (const NamedTensor& source : checkpoint.tensors) {
    if (is_scales(checkpoint, source.name)) continue;
    const Result<Tensor> joined = join_own(checkpoint, source, arena);
    const Result<Tensor> prepared = joined.ok() ? device.prepare(source.name, *joined, arena) : joined;
    if (!prepared.ok()) faults.add(prepared.status().message());
    const NamedWeight& w = all[n_weights++] = {source.name, prepared.ok() ? *prepared : source.tensor, false};
    if (w.tensor.rank >= 2) {
      m->all_float_ = m->all_float_ && is_float(w.tensor.dtype);
      m->all_f32_ = m->all_f32_ && w.tensor.dtype == DType::f32;
    }
    m->weight_bytes_ += w.tensor.bytes();
  }
  const std::span<NamedWeight> table = all.first(n_weights);
  std::sort(table.begin(), table.end(), [](const NamedWeight& a, const NamedWeight& b) { return a.name < b.name; });

  m->weights_ = table;
  const Weights weights(table, faults);
  m->embedding_ = weights.get("token_embd.weight", {c.vocab_size, c.dim});

  const JsonValue layer = wiring.root["layer"];
  SYN_TRY(blocks, arena.zeroed<const Block*>(layer.size() * size_t(c.n_layers), "blocks"));
  m->blocks_ = blocks;
  size_t n = 0;
  for (int32_t i = 0; i < c.n_layers; ++i)
    for (JsonValue block : layer.elements()) {
      BlockParts parts{block, c, weights, weights.scope(Text<64>("blk.", i, ".")), i, m->state_, device, arena, faults};
      blocks[n++] = make_block(block["block"].as_string(), parts);
    }

  const JsonValue output = wiring.root["output"];
  BlockParts parts{output, c, weights, weights, c.n_layers, m->state_, device, arena, faults};
  m->output_norm_ = read_norm(parts, "output_norm", c.dim);
  m->output_.w = weights.find("output.weight", {c.vocab_size, c.dim});
  if (m->output_.w.empty()) m->output_.w = m->embedding_;  // tied
  m->output_.b = weights.find_vector("output.bias", c.vocab_size);

  for (const NamedWeight& w : table)
    if (!w.used) faults.add(w.name, ": ", m->family_, " has no use for it");
  if (faults.count() > faults_before) return faults.status(Code::corrupt, "model");

  uint64_t h = hash64(architecture.data(), architecture.size());
  for (int32_t number : {c.dim, c.hidden_dim, c.n_layers, c.n_heads, c.n_kv_heads, c.head_dim, c.vocab_size, c.n_rot, c.window, c.n_experts_used})
    h = hash_number(h, number);
  for (const NamedWeight& w : table) h = hash_number(hash64(w.name.data(), w.name.size(), h), int64_t(w.tensor.dtype));
  const size_t mark = arena.mark();
  if (uint8_t* norm = arena.array<uint8_t>(m->output_norm_.w.bytes())) {
    device.read(norm, m->output_norm_.w);
    h = hash64(norm, m->output_norm_.w.bytes(), h);
  }
  arena.rewind(mark);
  m->fingerprint_ = h;
  return m;
}

Tensor Model::forward(Context& cx, Tensor ids, const Batch& batch, const bool* cancel) const {
  const bool keep = cx.recorder && cx.recorder->keeps_activations();
  Tensor x = ops::get_rows(cx, embedding_, ids);
  for (const Block* block : blocks_) {
    if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED)) return {};
    const size_t mark = cx.arena.mark();
    Tensor y = block->forward(cx, x, batch);
    if (keep) {
      x = y;
      continue;
    }
    ops::copy(cx, y, x);
    cx.arena.rewind(mark);
  }
  return x;
}

Tensor Model::head(Context& cx, Tensor hidden) const {
  return ops::norm_linears(cx, hidden, output_norm_, {&output_, 1})[0];
}

}  // namespace synapse
