// The embedder around an engine of tests.
#pragma once
#include <gtest/gtest.h>

#include "synapse/runtime/embedder.h"
#include "tiny_model.h"

namespace synapse::test {

using Vectors = std::vector<std::vector<float>>;

struct Embedding {
  Vectors vectors;
  std::string error;
};

// The vectors of texts by an embedder of their own.
inline Embedding embed(Engine& engine, const Checkpoint& checkpoint, const std::vector<EmbedText>& texts,
                Pooling pooling = Pooling::mean, bool normalize = false, int32_t max_rows = 512) {
  EmbedOptions o = *default_embed_options(checkpoint, engine.model());
  o.pooling = pooling, o.normalize = normalize, o.max_rows = max_rows;
  Device& device = engine.device();
  const StateLayout& layout = engine.model().state_layout();
  static std::vector<uint8_t> memory;
  memory.assign(PagePool::bytes_for(layout, o.k_dtype, o.v_dtype, Embedder::cache_positions(o)), 0);
  PagePool* pool = *PagePool::make(device, layout, o.k_dtype, o.v_dtype, memory,
                                   engine.arena(PagePool::arena_bytes(layout, o.k_dtype, o.v_dtype, memory.size())));
  Embedder* e = *Embedder::open(engine.model(), device, *pool, o, engine.arena(Embedder::arena_bytes(engine.model(), device, o)));
  Embedding out;
  const VectorSink sink{[](void* to, size_t, std::span<const float> v) -> Status {
                          static_cast<Vectors*>(to)->emplace_back(v.begin(), v.end());
                          return {};
                        },
                        &out.vectors};
  const Status status = e->embed(texts, sink);
  if (!status.ok()) out.error = status.message();
  EXPECT_EQ(pool->n_used(), 0);
  return out;
}

}  // namespace synapse::test
