// Errors as values. Outside data that is wrong gives a Status: a code and a message that names the
// thing, what was found and what was wanted. A broken contract between our own functions panics.
#pragma once
#include <optional>
#include <utility>

#include "synapse/base/compiler.h"
#include "synapse/base/text.h"

namespace synapse {

enum class Code : uint8_t {
  ok,
  invalid,        // an argument or a prompt is wrong
  not_found,      // a file, a name, a tensor
  corrupt,        // a file contradicts itself or its format
  unsupported,    // well formed, but not something we run
  out_of_memory,  // a buffer or the budget is too small
  io,             // the operating system refused
  cancelled,      // the caller asked to stop
};

// REQUIRES of [[nodiscard]]: look at it, return it, or say why not. Never allocates.
class [[nodiscard]] Status {
 public:
  static constexpr size_t kMessageBytes = 480;

  Status() = default;  // ok
  Status(Code code, Text<kMessageBytes> message) : code_(code), message_(message) {}

  bool ok() const { return code_ == Code::ok; }
  Code code() const { return code_; }
  std::string_view message() const { return message_.view(); }

 private:
  Code code_ = Code::ok;
  Text<kMessageBytes> message_;
};

// fail(Code::corrupt, "gguf: version ", 9, ", wanted 2 or 3")
template <typename... Parts>
SYN_COLD Status fail(Code code, const Parts&... parts) {
  return Status(code, Text<Status::kMessageBytes>(parts...));
}

// Reports a broken contract and does not return. Each target links its own definition.
[[noreturn]] void panic(const char* what, const char* file, int line);

#define SYN_CHECK(cond) ((cond) ? (void)0 : ::synapse::panic(#cond, __FILE__, __LINE__))

// A T, or the Status that says why there is none. Reading the value of a failed Result panics.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(status) { SYN_CHECK(!status.ok()); }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& operator*() { return SYN_CHECK(ok()), *value_; }
  const T& operator*() const { return SYN_CHECK(ok()), *value_; }
  T* operator->() { return SYN_CHECK(ok()), &*value_; }
  const T* operator->() const { return SYN_CHECK(ok()), &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

// SYN_TRY(file, map_file(path));   file is the value; a failure returns from this function
#define SYN_TRY(name, expression)                                  \
  auto name##_result = (expression);                               \
  if (!name##_result.ok()) return name##_result.status();          \
  auto& name = *name##_result

// SYN_RETURN_IF_ERROR(session.feed(ids));
#define SYN_RETURN_IF_ERROR(expression)                            \
  do {                                                             \
    if (::synapse::Status syn_s = (expression); !syn_s.ok()) return syn_s; \
  } while (0)

}  // namespace synapse
