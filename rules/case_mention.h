#pragma once

#include <optional>
#include <string_view>

#include "pipeline/core/mention.h"
#include "pipeline/core/yaml.h"
#include "rules/rule_file.h"

namespace vigie {

// The mention that a line of `key`, must_match or must_not_match, describes: a text, or fields of a
// mention. What is not told is that of a mention on x by nobody in particular at `time` (2026-01-01
// where that is empty). Nothing, with errors, where the line is neither or names an unknown field.
std::optional<Mention> case_mention(const YamlNode& node, std::string_view key,
                                    std::optional<Time> time, Diagnostics& diagnostics);

}  // namespace vigie
