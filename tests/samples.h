#pragma once

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace vigie {

// A file of the folder of real payloads, which need not be there.
inline std::filesystem::path sample(const char* name) {
  const char* given = std::getenv("VIGIE_SAMPLES");
  const std::filesystem::path folder =
      given != nullptr ? given : VIGIE_SOURCE_DIR "/../shared/samples";
  return folder / name;
}

}  // namespace vigie

// Ends the test as skipped where the file is missing. One that is there has to be read.
#define VIGIE_SKIP_WITHOUT(file)                    \
  if (!std::filesystem::exists(file))               \
  GTEST_SKIP() << "skipped: no " << (file).string() \
               << "; VIGIE_SAMPLES names the folder of real payloads that this is compared with"
