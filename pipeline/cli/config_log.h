#pragma once

#include "pipeline/cli/config.h"
#include "pipeline/cli/config_section.h"

namespace vigie {

// The section "log": which log, its limits, and what librdkafka is told.
LogConfig read_log(const ConfigSection& top);

}  // namespace vigie
