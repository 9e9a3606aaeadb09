#include "rules/case_file.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// Any bytes are cases or errors, each in a line that is there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const vigie::CaseRun run = vigie::run_case_file(text, "fuzz.rules", nullptr);
  if (run.failures.size() > run.cases) std::abort();
  for (const vigie::Diagnostic& error : run.errors) {
    if (error.line == 0 || error.line > size + 1 || error.column == 0) std::abort();
  }
  return 0;
}
