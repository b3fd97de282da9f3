// A session as bytes: to a callback or a file, from memory or a file.
#include "synapse/capi/handles.h"

namespace synapse::capi {
namespace {

struct Writer {
  syn_write_fn write;
  void* user;
};

Status to_callback(void* context, std::span<const uint8_t> bytes) {
  const Writer& writer = *static_cast<Writer*>(context);
  if (writer.write(writer.user, bytes.data(), bytes.size()) == 0) return {};
  return fail(Code::io, "save: the write callback refused ", bytes.size(), " bytes");
}

Status to_file(void* context, std::span<const uint8_t> bytes) {
  return static_cast<platform::NewFile*>(context)->write(bytes);
}

Status save_file(const Session& session, const char* path) {
  SYN_TRY(file, platform::NewFile::create(path));
  SYN_RETURN_IF_ERROR(session.save({to_file, &file}));
  return file.finish();
}

}  // namespace
}  // namespace synapse::capi

using namespace synapse;

syn_status syn_session_save(syn_session* session, syn_write_fn write, void* user, syn_error* error) {
  if (!session || !write) return capi::invalid(error, session ? "write: NULL" : "session: NULL");
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  capi::Writer writer{write, user};
  return use.report(session->session->save({capi::to_callback, &writer}), error);
}

syn_status syn_session_save_file(syn_session* session, const char* path, syn_error* error) {
  if (!session || !path) return capi::invalid(error, session ? "path: NULL" : "session: NULL");
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  return use.report(capi::save_file(*session->session, path), error);
}

syn_status syn_session_restore(syn_session* session, const void* data, size_t size, syn_error* error) {
  if (!session || !data) return capi::invalid(error, session ? "data: NULL" : "session: NULL");
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  return use.report(session->session->restore({static_cast<const uint8_t*>(data), size}), error);
}

syn_status syn_session_restore_file(syn_session* session, const char* path, syn_error* error) {
  if (!session || !path) return capi::invalid(error, session ? "path: NULL" : "session: NULL");
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  const Result<platform::MappedFile> file = platform::MappedFile::open(path);
  if (!file.ok()) return use.report(file.status(), error);
  return use.report(session->session->restore(file->bytes()), error);
}
