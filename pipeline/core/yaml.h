#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/error.h"

namespace vigie {

// Line and column in a file, both from 1; columns count bytes.
struct Mark {
  std::size_t line = 1;
  std::size_t column = 1;
};

struct YamlEntry;

// A part of a YAML file that a person wrote, with the place where it stands. Mappings keep the
// order of the file.
struct YamlNode {
  enum class Type : unsigned char { Null, Scalar, List, Map };

  Type type = Type::Null;
  Mark mark;
  bool quoted = false;  // a scalar written in quotes or as a block: always a string
  std::string text;
  std::vector<YamlNode> items;     // of a list
  std::vector<YamlEntry> entries;  // of a map

  // The value of `key`, or nullptr. Only for maps.
  const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  YamlNode key;
  YamlNode value;
};

// "file:line:column: message"
std::string at(std::string_view file, Mark mark, std::string_view message);

// Parses one YAML document. Refused, with file, line and column: what is no YAML, anchors, aliases
// and tags, a key twice in one map, more than 64 levels, more than 64 MiB, invalid UTF-8. An empty
// document is a Null node.
Result<YamlNode> parse_yaml(std::string_view text, std::string_view file);

// Fails when `node` is no map or holds a key that is not in `known`; the message says which keys
// there are, the likeliest first.
Result<void> check_keys(const YamlNode& node, std::string_view file, std::string_view what,
                        std::initializer_list<std::string_view> known);

// The member of `known` that is nearest to `word`, or empty when none is near (edit distance at
// most 2, and less than half of the word).
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace vigie
