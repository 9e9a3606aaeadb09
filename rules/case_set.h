#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/yaml.h"
#include "rules/case_line.h"

namespace vigie {

// The rules that the lines of a case file bring, as a rule file.
class CaseSet {
 public:
  // Takes the line that begins with `what`; its rest is next in `line`, and `number` is its number
  // in the case file. False where no rule begins so.
  bool define(std::string_view what, CaseLine& line, std::size_t number);

  bool empty() const { return sections_.empty(); }

  // A rule file, and where in the case file what stands in it came from.
  class Yaml {
   public:
    const std::string& text() const { return text_; }
    Mark origin(Mark mark) const;

   private:
    friend class CaseSet;
    void add(std::string_view text, Mark origin, std::size_t indent = 0);

    struct Origin {
      Mark mark;
      std::size_t indent = 0;  // of a line that holds the text itself; else 0
    };
    std::string text_;
    std::vector<Origin> lines_;
  };

  // Everything; or the brand and the lists with one theme, `query`, that stands at `origin`.
  Yaml yaml() const;
  Yaml yaml_of_theme(std::string_view query, Mark origin) const;

 private:
  struct Piece {
    std::string id;
    std::string text;
    Mark mark;                      // of the text in the case file
    std::vector<std::string> more;  // further lines of YAML
  };

  Yaml head() const;
  static void add_rule(Yaml& out, std::string_view key, const Piece& piece);

  std::map<std::string, std::vector<Piece>, std::less<>> sections_;
};

}  // namespace vigie
