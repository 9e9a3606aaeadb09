#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/core/mention.h"

namespace vigie {

// What is wrong with a line of a case file, and at which byte of it, from 0.
struct CaseLineError {
  std::size_t offset = 0;
  std::string message;
};

// A line of a case file, read from left to right. Where something else is expected, that is noted
// and the line is at its end: what is read after it is empty, and only the first error counts.
class CaseLine {
 public:
  // `text` outlives the object.
  explicit CaseLine(std::string_view text) : text_(text) {}

  const std::optional<CaseLineError>& error() const { return error_; }
  void fail(std::size_t offset, std::string message);

  // The place of what comes next, which is no blank.
  std::size_t offset();
  bool at_end() { return offset() == text_.size(); }
  bool starts_with(std::string_view text);

  // The next run without blanks; `what` says what is expected where there is none.
  std::string_view word(std::string_view what);
  // Everything up to the end, without blanks around it.
  std::string_view rest(std::string_view what);
  // A text in quotation marks, without them and with its escapes read.
  std::string quoted();
  // `key=value`, the value in quotation marks or a run without blanks; may be empty.
  struct Field {
    std::size_t offset = 0;
    std::size_t value_offset = 0;
    std::string_view key;
    std::string value;
  };
  Field field();
  void skip(std::string_view text, std::string_view what);

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<CaseLineError> error_;
};

// The mention of a line, up to its text; `is_new_author` is what the line says of its author.
struct CaseMention {
  Mention mention;
  bool is_new_author = true;
};
CaseMention read_case_mention(CaseLine& line);

}  // namespace vigie
