#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pipeline/core/error.h"
#include "state/authors.h"

namespace vigie {

// Every erasure that was ever asked of an instance, in a file beside its store: a store that is
// restored from before an erasure learns of it from there. It names nobody. A line each:
//   {"erased":HEX,"asked_at":TIME}
// Any thread.
class ErasureBook {
 public:
  // Makes the file when it is missing. A line that a crash cut short never became true and is
  // removed; any other that cannot be read is Corrupt, told with its number.
  static Result<std::unique_ptr<ErasureBook>> open(const std::filesystem::path& file);
  ~ErasureBook();

  // Returns once the disk has those that are new, or newer than what is known of the author.
  Result<void> add(std::span<const Erased> erased);
  std::vector<Erased> all() const;

 private:
  struct Impl;
  explicit ErasureBook(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What such a file says; nothing when it is not there.
Result<std::vector<Erased>> read_erasures(const std::filesystem::path& file);
std::string erasure_lines(std::span<const Erased> erased);
// The latest of each author, from both.
std::vector<Erased> merged(std::vector<Erased> one, const std::vector<Erased>& other);

}  // namespace vigie
