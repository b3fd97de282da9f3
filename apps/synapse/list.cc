// synapse list: the models that a name stands for here.
#include <cstdio>

#include "flags.h"
#include "output.h"
#include "synapse/import/names.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct ListFlags {
  bool json = false;
};

Status list(const ListFlags& o) {
  const std::vector<NamedModel> models = list_models();
  if (o.json) {
    Json all = Json::array();
    for (const NamedModel& m : models)
      all.push_back({{"name", m.name}, {"source", m.source}, {"bytes", m.bytes}, {"path", m.path.string()}});
    return put_json(all);
  }
  std::string text;
  for (const NamedModel& m : models) {
    char line[512];
    std::snprintf(line, sizeof line, "%-48s %-12s %10s\n", printable(m.name).c_str(), m.source.c_str(),
                  human_bytes(m.bytes).c_str());
    text += line;
  }
  if (models.empty())
    note("no models found; names are looked up in SYNAPSE_MODELS, ~/.cache/synapse, Hugging Face's cache and ollama's store");
  return put(text);
}

}  // namespace

void add_list(CLI::App& app, Action& action) {
  auto options = std::make_shared<ListFlags>();
  CLI::App* verb = add_verb<ListFlags>(
      app, action, "list",
      "List the models that -m finds by name: bundled, fetched, in Hugging Face's cache, in ollama's store.",
      "  synapse list\n"
      "  synapse list --json",
      options, list);
  verb->add_flag("--json", options->json, "name, source, bytes and path of each, as a JSON array");
}

}  // namespace synapse::cli
