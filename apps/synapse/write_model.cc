#include "write_model.h"

#include <optional>

#include "output.h"
#include "progress.h"

namespace synapse::cli {

Status write_model(Source& source, const Target& target, const std::string& path, bool overwrite, bool json, RowCodec codec) {
  WriteOptions options;
  options.path = path, options.overwrite = overwrite, options.codec = std::move(codec);
  std::optional<ByteBar> bar(std::in_place);
  options.progress = ByteBar::step, options.context = &*bar;
  const Result<Converted> written = write_gguf_of(source, target, options);
  bar.reset();
  if (!written.ok()) return written.status();
  for (const std::string& text : written->notes) note(text);
  if (!json) return put(written->path + "\n");
  return put_json({{"file", written->path},
                   {"bytes", written->bytes},
                   {"tensors", written->n_tensors},
                   {"metadata", written->n_metadata},
                   {"notes", written->notes}});
}

}  // namespace synapse::cli
