#pragma once

#include <array>
#include <cstdint>

#include "pipeline/cli/config.h"
#include "pipeline/core/error.h"

namespace vigie {

// The secret of author keys: the configured one, else the one in data_dir/author.key, which is made
// when it is missing. A failure leaves no part of a new one behind.
Result<std::array<std::uint8_t, 32>> author_secret(const Config& config);

}  // namespace vigie
