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
  PagePool& pool = engine.pool_of(Embedder::cache_bytes(engine.model(), o));
  Embedder* e = *Embedder::open(engine.model(), device, pool, o, engine.arena(Embedder::arena_bytes(engine.model(), device, o)));
  Embedding out;
  const VectorSink sink{[](void* to, size_t, std::span<const float> v) -> Status {
                          static_cast<Vectors*>(to)->emplace_back(v.begin(), v.end());
                          return {};
                        },
                        &out.vectors};
  const Status status = e->embed(texts, sink);
  if (!status.ok()) out.error = status.message();
  EXPECT_EQ(pool.n_used(), 0);
  return out;
}

}  // namespace synapse::test
