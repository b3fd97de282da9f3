// synapse pack: weights packed ahead of time, in a file that later runs map.
#include "engine.h"
#include "output.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct PackFlags {
  Flags flags;
  bool force = false, remove = false, json = false;
};

Status put_packed(const std::filesystem::path& path, uint64_t bytes, bool json) {
  return json ? put_json({{"path", path.string()}, {"bytes", bytes}}) : put(path.string() + "\n");
}

Status pack_model(const PackFlags& o) {
  SYN_TRY(engine, Engine::open(o.flags));
  SYN_RETURN_IF_ERROR(require_model(*engine, false));
  Region list;
  SYN_TRY(set, engine->packable(list));
  const size_t bytes = set.bytes();
  if (engine->model().all_float() || bytes == 0)
    return fail(Code::invalid, engine->source().path().c_str(), ": no quantised matrices: there is nothing to pack");
  const PackPlace place(set, engine->source());
  if (place.path().empty()) return fail(Code::not_found, "pack: neither XDG_CACHE_HOME nor HOME says where to");
  if (o.remove) {
    std::error_code failed;
    if (!std::filesystem::remove(place.path(), failed))
      return fail(Code::not_found, place.path().c_str(), ": ", failed ? failed.message().c_str() : "is not there");
    return put_packed(place.path(), 0, o.json);
  }
  if (!o.force && place.find()) {
    note("is there already; --force writes it again");
    return put_packed(place.path(), bytes, o.json);
  }
  if (const size_t available = platform::resources().memory_available; bytes > available)
    return fail(Code::out_of_memory, "pack: ", human_bytes(bytes), " to pack in, available are ", human_bytes(available));
  SYN_TRY(packed, engine->processor().pack(set, engine->source()));
  SYN_RETURN_IF_ERROR(place.write(packed.bytes().first(bytes)));
  return put_packed(place.path(), bytes, o.json);
}

}  // namespace

void add_pack(CLI::App& app, Action& action) {
  auto options = std::make_shared<PackFlags>();
  PackFlags& o = *options;
  CLI::App* verb = add_verb<PackFlags>(
      app, action, "pack",
      "Keep a model's weights in the order that this engine reads them, in ~/.cache/synapse/pack: later runs start at once and share them. "
      "Prints the file's path; a model that changes leaves it unused, and it may be deleted at any time.",
      "  synapse pack -m qwen3-0.6b.gguf\n"
      "  synapse pack -m qwen3-0.6b.gguf --remove",
      options, pack_model);
  add_model_flag(*verb, o.flags);
  verb->add_flag("--full-head", o.flags.full_head, "for runs with --full-head, whose head is packed another way")->envname("SYNAPSE_FULL_HEAD");
  verb->add_flag("--force", o.force, "write it again");
  verb->add_flag("--remove", o.remove, "delete it");
  verb->add_option("-t,--threads", o.flags.threads, "threads (default: the cores this process may use)")
      ->envname("SYNAPSE_THREADS")
      ->check(CLI::Range(1, 256));
  verb->add_flag("--json", o.json, "path and bytes, as one JSON object");
}

}  // namespace synapse::cli
