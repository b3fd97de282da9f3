// synapse trace: what a model computes on its way, as tensors.
#include <fnmatch.h>

#include <algorithm>
#include <cstdio>

#include "engine.h"
#include "input.h"
#include "output.h"
#include "synapse/import/safetensors.h"
#include "synapse/quant/trace.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct TraceFlags {
  Flags flags;
  std::optional<std::string> prompt;
  std::string ids, out;
  std::vector<std::string> globs;
  bool list = false, force = false, json = false;
};

bool matches(const std::string& name, const std::vector<std::string>& globs) {
  return globs.empty() ||
         std::ranges::any_of(globs, [&](const std::string& glob) { return fnmatch(glob.c_str(), name.c_str(), 0) == 0; });
}

std::vector<int32_t> shape_of(const Tensor& t) { return {t.dims.begin(), t.dims.begin() + t.rank}; }

Status put_list(const std::vector<std::pair<std::string, Tensor>>& found, bool json) {
  Json rows = Json::array();
  std::string text;
  for (const auto& [name, t] : found) {
    rows.push_back({{"name", name}, {"type", label(t.dtype)}, {"shape", shape_of(t)}});
    std::string dims;
    for (const int32_t n : shape_of(t)) dims += (dims.empty() ? "" : " x ") + std::to_string(n);
    char line[200];
    std::snprintf(line, sizeof line, "%-40s %-4s %s\n", name.c_str(), std::string(label(t.dtype)).c_str(), dims.c_str());
    text += line;
  }
  return json ? put_json(rows) : put(text);
}

Status trace(const TraceFlags& o) {
  if (o.list == !o.out.empty()) throw CLI::ValidationError("output", "wanted: -o FILE or --list");
  if (o.prompt.has_value() == !o.ids.empty()) throw CLI::ValidationError("input", "wanted: --ids IDS or -p TEXT");
  const bool* interrupted = watch_interrupts();
  SYN_TRY(engine, Engine::open(o.flags));
  std::vector<int32_t> ids;
  if (o.prompt) {
    SYN_RETURN_IF_ERROR(engine->read_vocabulary());
    SYN_TRY(encoded, engine->vocabulary().encode(*o.prompt, {}));
    ids = std::move(encoded);
  } else {
    SYN_TRY(read, read_ids(o.ids));
    ids = std::move(read);
  }
  SYN_RETURN_IF_ERROR(require_model(*engine, false));
  if (ids.empty()) return fail(Code::invalid, "ids: none given");
  if (ids.size() > size_t(engine->model().config().max_seq_len))
    return fail(Code::invalid, "ids: ", ids.size(), ", the context holds ", engine->model().config().max_seq_len);
  if (engine->flags().ctx_size == 0) engine->flags().ctx_size = int32_t(ids.size());

  // Two passes: what there is, for the head of the file; then the bytes, none of which is kept.
  std::vector<std::pair<std::string, Tensor>> found;
  std::optional<platform::NewFile> file;
  std::vector<uint8_t> bytes;
  size_t n_written = 0;
  Device& device = engine->processor().device();
  Tracer tracer(engine->model(), device, [&](const std::string& name, const Tensor& t) -> Status {
    if (!matches(name, o.globs)) return {};
    if (!file) return found.emplace_back(name, t), Status();
    SYN_CHECK(n_written < found.size() && found[n_written].first == name && same_shape(found[n_written].second, t));
    ++n_written;
    bytes.resize(t.bytes());
    device.read(bytes.data(), t);
    return file->write(bytes);
  });
  engine->options().recorder = &tracer;
  engine->options().chunk = int32_t(ids.size());  // one call: whole tensors
  SYN_TRY(session, engine->start(int32_t(ids.size())));
  session->cancel_on(interrupted);
  SYN_RETURN_IF_ERROR(session->feed(ids));
  SYN_RETURN_IF_ERROR(tracer.finish());
  if (found.empty()) return fail(Code::not_found, "tensors: no name matches; --list shows those there are");
  if (o.list) return put_list(found, o.json);

  std::vector<NamedTensor> header;
  for (const auto& [name, t] : found) header.push_back({name, t});
  SYN_TRY(made, platform::NewFile::create(o.out.c_str(), o.force));
  file.emplace(std::move(made));
  SYN_RETURN_IF_ERROR(write_safetensors_header(file->sink(), header));
  SYN_RETURN_IF_ERROR(session->truncate(0));
  SYN_RETURN_IF_ERROR(session->feed(ids));
  SYN_RETURN_IF_ERROR(tracer.finish());
  SYN_RETURN_IF_ERROR(file->finish());
  if (!o.json) return put(o.out + "\n");
  return put_json({{"file", o.out}, {"bytes", file->bytes()}, {"tensors", found.size()}});
}

}  // namespace

void add_trace(CLI::App& app, Action& action) {
  auto options = std::make_shared<TraceFlags>();
  TraceFlags& o = *options;
  CLI::App* verb = add_verb<TraceFlags>(
      app, action, "trace", "Write what a model computes on its way, layer by layer, as safetensors.",
      "  synapse trace -m synapse-story-4m -p \"Once upon\" --list\n"
      "  synapse trace -m model.gguf --ids \"1 2 3\" --tensors \"blk.0.*\" -o trace.safetensors\n"
      "  synapse trace -m model.gguf --ids \"1 2 3\" --tensors \"*.attention\" --tensors output -o trace.safetensors\n"
      "\nA tensor is called after the weight that made it (blk.0.attn_q, token_embd), with the operation behind where more was done:\n"
      "blk.0.attn_output.linear_add has the residual added, blk.0.ffn_gate.gated_linears is act(gate) * up. What has no weight is\n"
      "called after layer and operation: blk.0.attention, blk.0.rope.q. A row is a position; the logits are the last position's.",
      options, trace);
  add_model_flag(*verb, o.flags);
  verb->add_option("--ids", o.ids, "ids apart by spaces or commas; - reads them from stdin");
  verb->add_option("-p,--prompt", o.prompt, "a text instead");
  verb->add_option("--tensors", o.globs, "names to write, * and ? standing for letters; repeatable (default: all)")
      ->type_name("GLOB")
      ->expected(1)
      ->take_all();
  verb->add_option("-o,--output", o.out, "the file");
  verb->add_flag("--list", o.list, "print names, types and shapes instead");
  verb->add_flag("--force", o.force, "overwrite the file");
  verb->add_flag("--json", o.json, "what was written, or the list, as JSON");
  add_compute_flags(*verb, o.flags);
  add_context_flags(*verb, o.flags);
}

}  // namespace synapse::cli
