#include "synapse/model/model.h"

#include <algorithm>
#include <new>

#include "synapse/base/math.h"
#include "synapse/base/rng.h"
#include "synapse/io/own_formats.h"
#include "synapse/model/read_config.h"
#include "synapse/nn/norm.h"

namespace synapse {
namespace {

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

Result<Wiring> find_wiring(std::string_view architecture, const FamilyList& list, Arena& arena) {
  char text[400];
  TextBuffer known(text, sizeof text);
  for (size_t i = 0; i < list.size(); ++i) {
    const Family& family = list[i];
    if (family.model_json.empty()) continue;
    const size_t mark = arena.mark();
    const auto json = parse_json(family.model_json, arena);
    if (!json.ok()) return fail(json.status().code(), "models/", family.name, "/model.json: ", json.status().message());
    if (lists(json->root()["architectures"], architecture)) return Wiring{&family, json->root()};
    arena.rewind(mark);
    known.append(' '), known.append(family.name);
  }
  return fail(Code::unsupported, "general.architecture: \"", architecture.substr(0, 64),
              "\" is not a family we know (docs/add-a-model.md says how to add one):", known.view());
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

Result<Model*> Model::build(const Checkpoint& checkpoint, Device& device, Arena& arena, Faults& faults,
                            const FamilyList& known) {
  const std::string_view architecture = checkpoint.architecture();
  if (checkpoint.tensors.empty()) return fail(Code::unsupported, "no tensors: a vocabulary, not a model");
  SYN_TRY(wiring, find_wiring(architecture, known, arena));

  void* place = arena.alloc(sizeof(Model), alignof(Model));
  if (!place) return fail(Code::out_of_memory, "model: no room in its arena");
  Model* m = new (place) Model;
  m->family_ = wiring.family->name;
  const int32_t faults_before = faults.count();
  m->config_ = read_config(checkpoint, wiring.root, faults);
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
  const JsonValue embedding = wiring.root["embedding"], output = wiring.root["output"], layer = wiring.root["layer"];
  const auto parts_of = [&](JsonValue part, Weights w, int32_t i) {
    return BlockParts{part, c, weights, w, i, m->state_, m->n_carry_, device, arena, faults};
  };
  if (layer.size() == 0) faults.add("model.json: no \"layer\" with blocks");
  m->read_embedding(parts_of(embedding, weights, c.n_layers));

  SYN_TRY(blocks, arena.zeroed<const Block*>(layer.size() * size_t(c.n_layers), "blocks"));
  SYN_TRY(layer_ends, arena.zeroed<int32_t>(size_t(c.n_layers), "layers"));
  size_t n = 0;
  for (int32_t i = 0; i < c.n_layers; ++i) {
    n += make_blocks(layer, parts_of({}, weights.scope(Text<64>("blk.", i, ".")), i), blocks.subspan(n));
    layer_ends[size_t(i)] = int32_t(n);
  }
  m->blocks_ = blocks.first(n);
  m->layer_ends_ = layer_ends;

  if (!output.is_null()) {
    m->output_norm_ = read_norm(parts_of(output, weights, c.n_layers), "output_norm", c.dim);
    m->output_.w = weights.find("output.weight", {c.vocab_size, c.dim});
    if (m->output_.w.empty()) m->output_.w = m->embedding_;  // tied
    m->output_.b = weights.find_vector("output.bias", c.vocab_size);
  }

  if (m->state_.n_row_floats > StateLayout::kMostRowFloats)
    faults.add("recurrent state: more than ", StateLayout::kMostRowFloats, " floats a stream");
  for (const NamedWeight& w : table)
    if (!w.used) faults.add(w.name, ": ", m->family_, " has no use for it");
  if (faults.count() > faults_before) return faults.status(Code::corrupt, "model");

  const std::string_view model_json = wiring.family->model_json;
  uint64_t h = hash64(model_json.data(), model_json.size(), hash64(architecture.data(), architecture.size()));
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

void Model::read_embedding(const BlockParts& parts) {
  const Config& c = config_;
  embedding_ = parts.weights.get("token_embd.weight", {c.vocab_size, c.dim});
  static constexpr std::string_view scales[] = {"config", "sqrt_dim"};
  embedding_scale_ = wiring_word(parts, "scale", scales, 0) == 0 ? c.embedding_scale : sqrt_f32(float(c.dim));
  if (wiring_flag(parts, "types", false)) token_types_ = parts.weights.get("token_types.weight", {c.n_token_types, c.dim});
  if (wiring_flag(parts, "positions", false)) positions_ = parts.weights.get("position_embd.weight", {c.max_seq_len, c.dim});
  if (!parts.wiring["norm"].is_null()) embedding_norm_ = read_norm(parts, "token_embd_norm", c.dim);
}

Tensor Model::embed(Context& cx, Tensor ids, const Batch& batch) const {
  Tensor x = ops::get_rows(cx, embedding_, ids);
  if (embedding_scale_ != 1) x = ops::scale(cx, x, embedding_scale_);
  if (!token_types_.empty()) x = ops::add(cx, x, ops::get_type_rows(cx, token_types_, batch));
  if (!positions_.empty()) x = ops::add(cx, x, ops::get_position_rows(cx, positions_, batch));
  return embedding_norm_.w.empty() ? x : ops::norm(cx, x, embedding_norm_);
}

Tensor Model::forward(Context& cx, Tensor ids, const Batch& batch, const bool* cancel, int32_t n_layers) const {
  const size_t n_blocks = n_layers < config_.n_layers ? size_t(layer_ends_[size_t(n_layers) - 1]) : blocks_.size();
  const bool keep = cx.recorder && cx.recorder->keeps_activations();
  Tensor x = embed(cx, ids, batch);
  if (n_carry_ > 0) cx.carry = cx.make(DType::f32, {batch.n_rows, n_carry_});
  for (const Block* block : blocks_.first(n_blocks)) {
    if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED)) return {};
    const size_t mark = cx.arena.mark();
    Tensor y = block->forward(cx, x, x, batch);
    if (keep) {
      x = y;
      continue;
    }
    ops::copy(cx, y, x);
    cx.arena.rewind(mark);
  }
  return x;
}

Tensor Model::last_norm(Context& cx, Tensor hidden) const {
  return output_norm_.w.empty() ? hidden : ops::norm(cx, hidden, output_norm_);
}

Tensor Model::head(Context& cx, Tensor hidden) const {
  Tensor logits = ops::norm_linears(cx, hidden, output_norm_, {&output_, 1})[0];
  if (config_.logit_scale != 1) logits = ops::scale(cx, logits, 1 / config_.logit_scale);
  if (config_.final_softcap > 0) logits = ops::soft_cap(cx, logits, config_.final_softcap);
  return logits;
}

}  // namespace synapse
