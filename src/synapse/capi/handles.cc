#include "synapse/capi/handles.h"

#include <algorithm>

namespace synapse::capi {
namespace {

constexpr const char* kNames[] = {"ok", "invalid",   "not found", "corrupt", "unsupported",
                                  "memory", "io", "cancelled", "too small", "busy"};
static_assert(int(Code::invalid) == SYN_ERROR_INVALID && int(Code::not_found) == SYN_ERROR_NOT_FOUND &&
              int(Code::corrupt) == SYN_ERROR_CORRUPT && int(Code::unsupported) == SYN_ERROR_UNSUPPORTED &&
              int(Code::out_of_memory) == SYN_ERROR_MEMORY && int(Code::io) == SYN_ERROR_IO &&
              int(Code::cancelled) == SYN_ERROR_CANCELLED);

syn_status set_error(syn_error* error, syn_status code, std::string_view message) {
  if (!error) return code;
  error->code = code;
  const size_t n = std::min(message.size(), sizeof error->message - 1);
  std::memcpy(error->message, message.data(), n);
  error->message[n] = 0;
  return code;
}

size_t struct_size(const void* p) {
  size_t size;
  std::memcpy(&size, p, sizeof size);
  return size;
}

Status check_size(size_t size, std::string_view name) {
  constexpr size_t kMost = 4096;
  if (size >= sizeof(size_t) && size <= kMost) return {};
  return fail(Code::invalid, name, ".struct_size: ", size, ", wanted the size of the caller's struct");
}

}  // namespace

syn_status report(const Status& status, syn_error* error) {
  return set_error(error, syn_status(status.code()), status.message());
}

syn_status too_small(syn_error* error, std::string_view what, size_t wanted, size_t capacity) {
  return set_error(error, SYN_ERROR_TOO_SMALL, Text<160>(what, ": capacity ", capacity, ", wanted ", wanted));
}

syn_status busy(syn_error* error) {
  return set_error(error, SYN_ERROR_BUSY, "session: in use by another call, or by the call of this callback");
}

syn_status give(std::span<const int32_t> ids, int32_t* out, size_t capacity, size_t* n, syn_error* error) {
  *n = ids.size();
  if (ids.size() > capacity) return too_small(error, "ids", ids.size(), capacity);
  if (!out && capacity) return invalid(error, "out: NULL with a capacity of ", capacity);
  if (!ids.empty()) std::memcpy(out, ids.data(), ids.size_bytes());
  return report({}, error);
}

syn_status give(std::string_view text, char* out, size_t capacity, size_t* n, syn_error* error) {
  *n = text.size();
  if (text.size() >= capacity) return too_small(error, "text and its NUL", text.size() + 1, capacity);
  if (!out) return invalid(error, "out: NULL with a capacity of ", capacity);
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  out[text.size()] = 0;
  return report({}, error);
}

Status read_struct(void* ours, size_t size, const void* theirs, std::string_view name) {
  if (!theirs) return {};
  const size_t given = struct_size(theirs);
  SYN_RETURN_IF_ERROR(check_size(given, name));
  const auto* bytes = static_cast<const uint8_t*>(theirs);
  for (size_t i = size; i < given; ++i)
    if (bytes[i]) return fail(Code::unsupported, name, ": sets a field that this version does not know");
  std::memcpy(ours, theirs, std::min(size, given));
  return {};
}

Status write_struct(void* theirs, const void* ours, size_t size, std::string_view name) {
  if (!theirs) return fail(Code::invalid, name, ": NULL");
  const size_t given = struct_size(theirs);
  SYN_RETURN_IF_ERROR(check_size(given, name));
  std::memcpy(static_cast<uint8_t*>(theirs) + sizeof(size_t), static_cast<const uint8_t*>(ours) + sizeof(size_t),
              std::min(size, given) - sizeof(size_t));
  return {};
}

void log(const syn_model& model, int32_t level, std::string_view line) {
  if (model.options.log) model.options.log(model.options.log_user, level, Text<Status::kMessageBytes>(line).c_str());
}

void hold(syn_model* model) { __atomic_fetch_add(&model->n_holders, 1, __ATOMIC_RELAXED); }

void release(syn_model* model) {
  if (__atomic_sub_fetch(&model->n_holders, 1, __ATOMIC_ACQ_REL) == 0) destroy_handle(model);
}

}  // namespace synapse::capi

using namespace synapse;

int32_t syn_abi_version() { return SYN_ABI_VERSION; }
const char* syn_version() { return SYNAPSE_VERSION; }

const char* syn_status_name(syn_status status) {
  const bool known = status >= 0 && size_t(status) < sizeof capi::kNames / sizeof capi::kNames[0];
  return known ? capi::kNames[status] : "unknown";
}
