#include <histedit.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>

#include "line_reader.h"

namespace synapse::cli {
namespace {

constexpr int kHistoryLines = 1000;

class Editor : public LineReader {
 public:
  Editor() {
    // Characters are those of the user's locale; where none is set, UTF-8, as everywhere in this program.
    if (!std::setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
    history_ = history_init();
    history(history_, &event_, H_SETSIZE, kHistoryLines);
    editor_ = el_init("synapse", stdin, stderr, stderr);
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, [](EditLine* editor) -> char* {
      Editor* self = nullptr;
      el_get(editor, EL_CLIENTDATA, &self);
      return self->prompt_.data();
    });
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  }
  ~Editor() override {
    el_end(editor_);
    history_end(history_);
  }

  End read(const std::string& prompt, std::string& line) override {
    prompt_ = prompt;
    int n = 0;
    errno = 0;
    const char* text = el_gets(editor_, &n);
    if (!text && n < 0 && errno == EINTR) {
      el_reset(editor_);
      std::fputc('\n', stderr);
      return End::interrupted;
    }
    if (!text || n <= 0) return End::end_of_input;
    line.assign(text, size_t(n));
    if (line.ends_with('\n')) line.pop_back();
    return End::line;
  }

  void remember(const std::string& line) override { history(history_, &event_, H_ENTER, line.c_str()); }

 private:
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
  HistEvent event_ = {};
  std::string prompt_;
};

}  // namespace

std::unique_ptr<LineReader> make_line_reader() { return std::make_unique<Editor>(); }

}  // namespace synapse::cli
