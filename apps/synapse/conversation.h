// A conversation with a model: messages, the prompt that its chat template makes of them, and the stream that reads of
// it what it has not read yet.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "chat_template.h"
#include "engine.h"
#include "output.h"
#include "synapse/runtime/generate.h"

namespace synapse::cli {

// What a turn took.
struct Turn {
  size_t n_prompt = 0;     // tokens of the whole conversation, the reply not counted
  size_t n_read = 0;       // of those, read in this turn: the others the stream or the cache of beginnings remembered
  size_t n_generated = 0;
  double prefill_ms = 0, decode_ms = 0;
  Finish finish = Finish::none;
  std::string text;        // the reply
  size_t n_forgotten = 0;  // messages left out because the context is full
};

class Conversation {
 public:
  Conversation(const Engine& engine, Session& session, const ChatTemplate& chat_template)
      : engine_(engine), session_(session), template_(chat_template) {}

  Json messages = Json::array();   // {role, content}; a system message only in front
  Json tools;                      // null, or what the template is given as tools
  Json variables = Json::object();  // further ones: enable_thinking ...
  bool forgets = false;            // a full context: leave out the oldest exchange instead of an error

  // Replies to the last message, and appends the reply. Text goes to `show` as it comes. An interrupt ends the reply,
  // which is kept as far as it came; on an error the conversation is as it was.
  Result<Turn> reply(const GenerateOptions& options, size_t batch, Status (*show)(std::string_view));

  // Without the last reply, so that another can be made. False when the last message is none.
  bool drop_reply();
  void set_system(const std::string& text);  // "" removes it

 private:
  Result<std::vector<int32_t>> prompt_ids(const Json& shown) const;
  // The ids of the messages that fit, at least `room` positions kept free.
  Result<std::vector<int32_t>> fitting_ids(size_t room, size_t& n_forgotten) const;
  Status read(std::span<const int32_t> ids, size_t batch, Turn& turn);

  const Engine& engine_;
  Session& session_;
  const ChatTemplate& template_;
};

}  // namespace synapse::cli
