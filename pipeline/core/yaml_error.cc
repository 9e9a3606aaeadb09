#include "pipeline/core/yaml_error.h"

#include <utility>
#include <vector>

#include <yaml-cpp/exceptions.h>

namespace vigie {
namespace {

namespace Says = YAML::ErrorMsg;

// The strings of yaml-cpp have no constant addresses, so this is made when it is first asked for.
const std::vector<std::pair<std::string_view, std::string_view>>& plain_words() {
  static const std::vector<std::pair<std::string_view, std::string_view>> kPlain = {
      {Says::UNKNOWN_TOKEN, "no text can begin with this character unless it stands in quotes"},
      {Says::TAB_IN_INDENTATION, "expected spaces, found a tab"},
      {Says::MAP_VALUE,
       "a \": \" cannot stand here: a text that holds one stands in quotes, a key below the keys "
       "it belongs with"},
      {Says::MAP_KEY, "expected no key here; a text that begins with ? stands in quotes"},
      {Says::END_OF_SEQ,
       "expected the next \"- \" of a list; is this line indented like those it belongs to?"},
      {Says::END_OF_MAP,
       "expected the next \"key: value\"; is this line indented like those it belongs to? a text "
       "that is quoted in part stands in quotes as a whole"},
      {Says::END_OF_SEQ_FLOW, "expected , or ] in a list that began with ["},
      {Says::END_OF_MAP_FLOW, "expected , or } in a map that began with {"},
      {Says::FLOW_END, "this bracket closes nothing that is open here"},
      {Says::BLOCK_ENTRY,
       "expected no list here; is a bracket above not closed? a text that begins with - stands in "
       "quotes"},
      {Says::EOF_IN_SCALAR, "the file ends in a text whose quotation mark is not closed"},
      {Says::DOC_IN_SCALAR, "--- or ... stands in a text whose quotation mark is not closed"},
      {Says::ALIAS_NOT_FOUND,
       "aliases are not allowed; a text that begins with * stands in quotes"},
      {Says::ANCHOR_NOT_FOUND,
       "anchors are not allowed; a text that begins with & stands in quotes"},
      {Says::UNKNOWN_ANCHOR, "aliases are not allowed; a text that begins with * stands in quotes"},
      {Says::CHAR_IN_ALIAS, "aliases are not allowed; a text that begins with * stands in quotes"},
      {Says::CHAR_IN_ANCHOR, "anchors are not allowed; a text that begins with & stands in quotes"},
  };
  return kPlain;
}

}  // namespace

std::string in_plain_words(std::string_view message) {
  for (const auto& [theirs, ours] : plain_words()) {
    if (message == theirs) return std::string(ours);
  }
  if (message.starts_with(Says::INVALID_ESCAPE)) {
    return std::string(message) +
           "; in double quotes a \\ is written \\\\, in single quotes it stands for itself";
  }
  return std::string(message);
}

}  // namespace vigie
