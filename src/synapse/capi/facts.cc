// What a model's file says about it.
#include "synapse/capi/handles.h"

namespace synapse::capi {
namespace {

syn_status give_text(const MetaValue& value, std::string_view key, char* out, size_t capacity, size_t* n,
                     syn_error* error) {
  if (value.type == MetaType::string) return give(value.text, out, capacity, n, error);
  char digits[40];
  TextBuffer text(digits, sizeof digits);
  if (const auto b = value.as_bool()) text.append(*b);
  else if (value.type == MetaType::u64) text.append(value.u);
  else if (const auto i = value.as_int()) text.append(*i);
  else if (const auto f = value.as_float()) text.append(*f);
  else return report(fail(Code::unsupported, key, ": an array, wanted a text, a number or a boolean"), error);
  return give(text.view(), out, capacity, n, error);
}

syn_status find_text(const syn_model& model, std::string_view key, char* out, size_t capacity, size_t* n,
                     syn_error* error) {
  const MetaValue* value = model.checkpoint.find(key);
  if (!value) return report(fail(Code::not_found, key, ": the file has no such key"), error);
  return give_text(*value, key, out, capacity, n, error);
}

}  // namespace
}  // namespace synapse::capi

using namespace synapse;

syn_status syn_model_get_info(const syn_model* model, syn_model_info* info, syn_error* error) {
  if (!model) return capi::invalid(error, "model: NULL");
  const Config& config = model->model->config();
  syn_model_info found = {};
  found.n_weight_bytes = model->model->weight_bytes();
  found.n_vocab = config.vocab_size;
  found.n_ctx = config.max_seq_len;
  found.n_layers = config.n_layers;
  found.dim = config.dim;
  found.has_tokenizer = model->tokenizer != nullptr;
  found.bos_id = model->tokenizer ? model->tokenizer->bos_id() : -1;
  found.eos_id = model->tokenizer ? model->tokenizer->eos_id() : -1;
  found.n_meta = int32_t(model->checkpoint.metadata.size());
  return capi::report(capi::write_result(info, found, "syn_model_info"), error);
}

syn_status syn_model_meta_key(const syn_model* model, int32_t index, char* out, size_t capacity, size_t* n,
                              syn_error* error) {
  if (!model || !n) return capi::invalid(error, model ? "n: NULL" : "model: NULL");
  *n = 0;
  const size_t count = model->checkpoint.metadata.size();
  if (index < 0 || size_t(index) >= count) return capi::invalid(error, "metadata entry ", index, ": there are ", count);
  return capi::give(model->checkpoint.metadata[size_t(index)].key, out, capacity, n, error);
}

syn_status syn_model_meta_text(const syn_model* model, const char* key, char* out, size_t capacity, size_t* n,
                               syn_error* error) {
  if (!model || !key || !n) return capi::invalid(error, !model ? "model: NULL" : !key ? "key: NULL" : "n: NULL");
  *n = 0;
  return capi::find_text(*model, key, out, capacity, n, error);
}

syn_status syn_model_chat_template(const syn_model* model, const char* name, char* out, size_t capacity, size_t* n,
                                   syn_error* error) {
  if (!model || !n) return capi::invalid(error, model ? "n: NULL" : "model: NULL");
  *n = 0;
  const Text<200> key("tokenizer.chat_template", name ? "." : "", name ? name : "");
  return capi::find_text(*model, key, out, capacity, n, error);
}
