#include "prompt_cache.h"

#include <algorithm>
#include <filesystem>

#include "synapse/platform/platform.h"

namespace synapse::cli {

void add_prompt_cache_flags(CLI::App& verb, PromptCacheFlags& flags) {
  CLI::Option* path = verb.add_option("--prompt-cache", flags.path,
                                      "a file that keeps what was computed of the prompt; what the next prompt has in common with it is "
                                      "not computed again")
                          ->envname("SYNAPSE_PROMPT_CACHE");
  verb.add_flag("--prompt-cache-ro", flags.is_read_only, "the file is used and not written")->needs(path);
}

Status load_prompt_cache(const PromptCacheFlags& flags, Session& session, std::span<const int32_t> ids) {
  if (flags.path.empty() || (!std::filesystem::exists(flags.path) && !flags.is_read_only)) return {};
  SYN_TRY(file, platform::MappedFile::open(flags.path.c_str()));
  if (const Status status = session.restore(file.bytes()); !status.ok())
    return fail(status.code(), flags.path.c_str(), ": ", status.message());
  const auto common = std::ranges::mismatch(session.ids(), ids);
  return session.truncate(int32_t(common.in1 - session.ids().begin()));
}

Status save_prompt_cache(const PromptCacheFlags& flags, const Session& session) {
  if (flags.path.empty() || flags.is_read_only) return {};
  SYN_TRY(file, platform::NewFile::create(flags.path.c_str()));
  const Sink sink{[](void* to, std::span<const uint8_t> bytes) { return static_cast<platform::NewFile*>(to)->write(bytes); }, &file};
  SYN_RETURN_IF_ERROR(session.save(sink));
  return file.finish();
}

}  // namespace synapse::cli
