#include "rules/query.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// Any bytes are a query or an error with a place in them, and what is printed of a query parses
// again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const vigie::ParsedQuery parsed = vigie::parse_query(text);
  bool failed = false;
  for (const vigie::QueryIssue& issue : parsed.issues) {
    if (issue.offset > size) std::abort();
    failed = failed || issue.is_error;
  }
  if (failed == parsed.root.has_value()) std::abort();
  if (parsed.root && size < 4096) vigie::print_query(*parsed.root);
  return 0;
}
