#pragma once

#include <cstdlib>
#include <filesystem>

namespace vigie {

// The folder of real payloads; it need not be there.
inline std::filesystem::path samples() {
  if (const char* named = std::getenv("VIGIE_SAMPLES")) return named;
  return std::filesystem::path(__FILE__).parent_path() / "../../../shared/samples";
}

}  // namespace vigie
