#pragma once

#include <optional>

#include "pipeline/core/error.h"
#include "pipeline/core/mention.h"
#include "pipeline/core/yaml.h"

namespace vigie {

// The mention that a line of must_match or must_not_match describes: a text, or fields of a
// mention. What is not told is that of a mention on x by nobody in particular at `time` (2026-01-01
// where that is empty).
Result<Mention> case_mention(const YamlNode& node, std::optional<Time> time);

}  // namespace vigie
