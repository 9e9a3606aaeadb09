#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "pipeline/api/http.h"

namespace vigie {

// What was answered to requests that brought an idempotency key, so that one which comes again gets
// the same answer and does nothing twice. Bounded: the oldest answers leave. Any thread.
class IdempotencyMemory {
 public:
  IdempotencyMemory(std::size_t max_answers, std::size_t max_bytes)
      : max_answers_(max_answers), max_bytes_(max_bytes) {}

  enum class Found : std::uint8_t {
    New,    // do it, then call `done`
    Known,  // `response` is the answer
    Busy,   // the same request is being answered
    Other,  // the key came with another request before
  };
  struct Look {
    Found found = Found::New;
    Response response;
  };
  // `key` names the sender, too; `request` is a digest of what is asked.
  Look look(const std::string& key, const std::string& request);

  // The answer to a New one. One that may be different the next time (it has no effect, or nobody
  // knows yet) is not kept.
  void done(const std::string& key, const Response& response, bool keep);

  std::size_t size() const;

 private:
  struct Entry {
    std::string request;
    bool answered = false;
    Response response;
  };
  void shrink();

  const std::size_t max_answers_;
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;  // guarded by mutex_
  std::list<std::string> order_;                    // of the answers; guarded by mutex_
  std::size_t bytes_ = 0;                           // of their bodies; guarded by mutex_
};

}  // namespace vigie
