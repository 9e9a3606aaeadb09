#pragma once

#include "pipeline/cli/config_section.h"

namespace vigie {

// The section `retention`: how long texts are kept, by network. Never shorter than the log keeps
// mentions as they came in, and never longer than `tagged` keeps any.
TextRetention read_retention(const ConfigSection& top, const LogConfig& log);

}  // namespace vigie
