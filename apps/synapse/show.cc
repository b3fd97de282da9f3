// synapse show: what a file or folder holds and what running it would take, for models that we run and others.
#include <algorithm>
#include <cstdio>

#include "describe.h"
#include "engine.h"
#include "output.h"
#include "settings.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

constexpr int32_t kShownContext = 4096;

struct ShowFlags {
  Flags flags;
  bool tensors = false, metadata = false, json = false;
};

Json model_json(const Model& model) {
  const Config& c = model.config();
  return {{"family", model.family()},   {"dim", c.dim},           {"hidden_dim", c.hidden_dim}, {"n_layers", c.n_layers},
          {"n_heads", c.n_heads},       {"n_kv_heads", c.n_kv_heads}, {"head_dim", c.head_dim}, {"vocab_size", c.vocab_size},
          {"context", c.max_seq_len}};
}

Json plan_json(const MemoryPlan& p) {
  return {{"positions", p.n_positions}, {"process", p.process_bytes}, {"tokenizer", p.tokenizer_bytes},
          {"weights", p.weight_bytes},  {"cache", p.cache_bytes},     {"scratch", p.scratch_bytes},
          {"total", p.total()}};
}

// A line per entry of an object, values after a column of names.
std::string lines(const Json& object, const std::string& indent) {
  std::string text;
  for (const auto& [name, value] : object.items()) {
    const std::string shown = value.is_string() ? printable(value.get<std::string>()) : value.dump();
    text += indent + name + std::string(name.size() < 12 ? 12 - name.size() : 0, ' ') + "  " + shown + "\n";
  }
  return text;
}

std::string stop_text(const Json& stop) {
  std::string text;
  for (const Json& end : stop) {
    text += (text.empty() ? "" : ", ") + end["id"].dump() + " " + printable(end["text"].get<std::string>());
  }
  return text.empty() ? "none" : text;
}

std::string tensor_table(const Json& tensors) {
  std::string text = "\ntensors\n";
  for (const Json& tensor : tensors) {
    std::string shape;
    for (const Json& dim : tensor["shape"]) shape += (shape.empty() ? "" : ", ") + dim.dump();
    char line[256];
    std::snprintf(line, sizeof line, "  %-36s %-22s %-6s %s\n", printable(tensor["name"].get<std::string>()).c_str(),
                  ("(" + shape + ")").c_str(), tensor["type"].get<std::string>().c_str(),
                  human_bytes(tensor["bytes"].get<uint64_t>()).c_str());
    text += line;
  }
  return text;
}

// The description as a person reads it.
std::string human(const Json& all, const std::optional<MemoryPlan>& plan) {
  Json head;
  for (const char* name : {"file", "format", "architecture", "name"}) {
    if (all.contains(name)) head[name] = all[name];
  }
  head["size"] = human_bytes(all["file_bytes"]) + (all["n_files"] == 1 ? "" : " in " + all["n_files"].dump() + " files");
  head["parameters"] = human_count(all["parameters"]) + " (" + all["parameters"].dump() + ")";
  head["types"] = all["types"];
  std::string text = lines(head, "");
  if (all.contains("model")) text += "model\n" + lines(all["model"], "  ");
  if (all.contains("not_run")) text += "not run       " + all["not_run"].get<std::string>() + "\n";
  if (all.contains("faults")) {
    for (const Json& fault : all["faults"]) text += "  " + fault.get<std::string>() + "\n";
  }
  text += "tokenizer\n" + lines(all["tokenizer"], "  ");
  text += "stop set      " + stop_text(all["stop"]) + "\n";
  text += "sampling\n" + lines(all["sampling"].contains("fault") ? all["sampling"] : shown_settings(all["sampling"]), "  ");
  if (plan) text += plan_text(*plan);
  if (all.contains("tensors")) text += tensor_table(all["tensors"]);
  if (all.contains("metadata")) text += "\nmetadata\n" + lines(all["metadata"], "  ");
  return text;
}

Status show(const ShowFlags& o) {
  SYN_TRY(engine, Engine::open(o.flags));
  Json all = describe_source(engine->source());
  const Status no_vocabulary = engine->read_vocabulary();
  all["tokenizer"] = no_vocabulary.ok() ? describe_vocabulary(engine->vocabulary())
                                        : Json{{"none", std::string(no_vocabulary.message())}};
  all["stop"] = no_vocabulary.ok() ? describe_stop_set(engine->vocabulary()) : Json::array();

  const auto settings = choose_settings({}, engine->source().checkpoint(), nullptr);
  all["sampling"] = settings.ok() ? settings->origins : Json{{"fault", std::string(settings.status().message())}};

  std::optional<MemoryPlan> plan;
  if (const Status status = engine->build_model(false); status.ok()) {
    all["model"] = model_json(engine->model());
    SYN_TRY(context, engine->choose_context());
    const bool is_chosen = o.flags.ctx_size != 0 || !o.flags.memory_budget.empty();
    plan = engine->plan(is_chosen ? context : std::min(context, kShownContext));
    all["plan"] = plan_json(*plan);
  } else {
    all["not_run"] = std::string(status.message());
    if (!engine->faults().empty()) all["faults"] = describe_faults(engine->faults());
  }
  if (o.tensors || o.json) all["tensors"] = describe_tensors(engine->source().checkpoint());
  if (o.metadata || o.json) all["metadata"] = describe_metadata(engine->source().checkpoint());
  return o.json ? put_json(all) : put(human(all, plan));
}

}  // namespace

void add_show(CLI::App& app, Action& action) {
  auto options = std::make_shared<ShowFlags>();
  ShowFlags& o = *options;
  CLI::App* verb = add_verb<ShowFlags>(
      app, action, "show", "Show what a model file holds, and the memory that running it takes.",
      "  synapse show -m synapse-story-4m\n"
      "  synapse show -m model.gguf -c 4096 --tensors --metadata\n"
      "  synapse show -m folder --json",
      options, show);
  add_model_flag(*verb, o.flags);
  verb->add_flag("--tensors", o.tensors, "name, shape, type and size of every tensor");
  verb->add_flag("--metadata", o.metadata, "every metadata entry, long arrays shortened");
  verb->add_flag("--json", o.json, "everything, as one JSON object");
  add_compute_flags(*verb, o.flags);
  add_context_flags(*verb, o.flags);
}

}  // namespace synapse::cli
