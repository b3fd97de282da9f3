// Texts as vectors: the rows that a model's last norm gives, as they are or as one vector of the text. What encoders are
// for; a model that writes text gives them too.
#pragma once
#include "synapse/memory/page_pool.h"
#include "synapse/model/model.h"

namespace synapse {

// How the rows of a text become one vector; GGUF's numbers of {arch}.pooling_type.
enum class Pooling : uint8_t { none, mean, cls, last };  // every row · their mean · the first · the last
inline constexpr std::string_view kPoolingNames[] = {"none", "mean", "cls", "last"};

struct EmbedOptions {
  int32_t max_rows = 512;      // tokens that go through the model together; no text may have more
  DType k_dtype = DType::f16;  // of the cache, as a Session's
  DType v_dtype = DType::f16;
  Pooling pooling = Pooling::mean;
  bool normalize = true;       // to length 1
};

// What the checkpoint says of pooling and normalising ({arch}.pooling_type, synapse.embedding.normalize), else the
// mean, normalised; the cache's types are those of the model. An error names a pooling that we do not do.
Result<EmbedOptions> default_embed_options(const Checkpoint& checkpoint, const Model& model);

// An error for a model that writes no text, which says what it is for.
Status check_writes_text(const Model& model);

struct EmbedText {
  std::span<const int32_t> ids;    // at least one
  std::span<const int32_t> types = {};  // the segment of each id, for models that tell them apart; empty: all 0
};

// Takes a vector (dim) of a text: one, or with Pooling::none one for each of its tokens in order. An error stops the call.
struct VectorSink {
  Status (*take)(void* context, size_t text, std::span<const float> vector) = nullptr;
  void* context = nullptr;
};

class Embedder {
 public:
  // What open takes from its arena, and the memory that its pool of pages wants.
  static size_t arena_bytes(const Model& model, Device& device, const EmbedOptions& options);
  static size_t cache_bytes(const Model& model, const EmbedOptions& options);
  static Result<Embedder*> open(const Model& model, Device& device, PagePool& pool, const EmbedOptions& options, Arena& arena);

  // The vectors of each text, in order. Short texts go through the model together, which changes no vector. All texts are
  // checked first: an error names the text, its tokens and what the model takes.
  Status embed(std::span<const EmbedText> texts, const VectorSink& sink);

  void cancel_on(const bool* flag);  // as Session's

 private:
  struct Impl;
  explicit Embedder(Impl* impl) : impl_(impl) {}
  Impl* impl_;
};

}  // namespace synapse
