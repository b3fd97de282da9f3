// What sentence-transformers keeps beside a model: how the rows of a text become its vector
// (https://sbert.net/docs/package_reference/sentence_transformer/models.html).
#pragma once
#include <filesystem>

#include "synapse/import/metadata.h"

namespace synapse {

// modules.json, the Pooling module's config.json and sentence_bert_config.json -> {architecture}.pooling_type,
// synapse.embedding.normalize and synapse.embedding.max_tokens. A folder without modules.json says nothing; a module or
// a pooling that is not done here is an error that names it.
Status read_sentence_folder(const std::filesystem::path& folder, std::string_view architecture, Metadata& out);

}  // namespace synapse
