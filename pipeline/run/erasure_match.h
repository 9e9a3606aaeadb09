#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "pipeline/core/clock.h"
#include "pipeline/core/ids.h"
#include "pipeline/log/embedded_log.h"
#include "pipeline/run/erasure.h"

namespace vigie {

// Tells which records of a topic are an erased author's. What others wrote is not, also where it
// names the author. `keys` outlives it.
class ErasureMatch {
 public:
  ErasureMatch(const AuthorKeys& keys, Topic topic) : keys_(keys), topic_(topic) {}

  void add(const Erasure& erasure);
  bool empty() const { return authors_.empty() && messages_.empty(); }
  EmbeddedLog::Verdict judge(std::string_view key, std::optional<std::string_view> value) const;

 private:
  bool is_erased(std::string_view network, std::string_view author_id,
                 std::optional<Time> seen_at) const;
  bool holds_mention(std::string_view value) const;
  EmbeddedLog::Verdict judge_conversation(std::string_view key, std::string_view value) const;
  bool holds_dead_letter(std::string_view value) const;
  EmbeddedLog::Verdict judge_cut(std::optional<std::string_view> value) const;

  const AuthorKeys& keys_;
  Topic topic_;
  std::map<AuthorKey, Time> authors_;  // what was received up to then
  std::set<std::string, std::less<>> messages_;
};

}  // namespace vigie
