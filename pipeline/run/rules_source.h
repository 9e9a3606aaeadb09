#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/error.h"
#include "rules/explain.h"
#include "rules/rule_set.h"

namespace vigie {

// The rule set in force, read from one file. A bad file never replaces a good set. Any thread may
// ask for the current set; one thread reloads.
class RulesSource {
 public:
  // Fails with every error of the file, a line each.
  static Result<std::unique_ptr<RulesSource>> open(std::filesystem::path file);

  std::shared_ptr<const RuleSet> current() const;

  // The set before the current one while less than a minute has passed since the change; else null.
  // Sources that drop unmatched mentions use both, so that none is lost on the way to the workers.
  std::shared_ptr<const RuleSet> outgoing() const;

  // SameVersion: the text was read, and its rules are those in force.
  enum class Reload : unsigned char { Unchanged, SameVersion, Changed };
  // Reads the file again when it is not as it was (Unchanged); `force` reads it anyway. Costs next
  // to nothing while size and time of the file stay what they were. A failure keeps the old set.
  Result<Reload> reload(bool force);

  // Explains the current set. Made when it is first asked for, which takes as long as reading the
  // file does; kept until the set changes.
  std::shared_ptr<const Explainer> explainer() const;

  // Warnings of the last load that succeeded.
  std::vector<std::string> warnings() const;

 private:
  explicit RulesSource(std::filesystem::path file) : file_(std::move(file)) {}
  Result<std::string> read() const;

  const std::filesystem::path file_;
  std::optional<std::string> loaded_text_;  // what was last tried, good or bad
  // Size and time of the file when that was read.
  std::optional<std::pair<std::uintmax_t, std::filesystem::file_time_type>> loaded_stamp_;
  mutable std::mutex mutex_;
  std::shared_ptr<const RuleSet> current_;            // guarded by mutex_
  std::shared_ptr<const RuleSet> outgoing_;           // guarded by mutex_
  std::chrono::steady_clock::time_point changed_at_;  // guarded by mutex_
  std::vector<std::string> warnings_;                 // guarded by mutex_
  std::shared_ptr<const std::string> text_;           // guarded by mutex_; of current_
  mutable std::mutex explainer_mutex_;                // taken before mutex_, held while one is made
  mutable std::shared_ptr<const Explainer> explainer_;    // guarded by explainer_mutex_
  mutable std::shared_ptr<const std::string> explained_;  // guarded by explainer_mutex_
};

// Reads a whole file. Invalid, with the name and the reason, when it cannot.
Result<std::string> read_file(const std::filesystem::path& file);

}  // namespace vigie
