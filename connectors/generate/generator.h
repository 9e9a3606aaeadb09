#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/generate/phrases.h"
#include "pipeline/core/mention.h"

namespace vigie {

// What may happen to a synthetic message. A duplicate is its creation sent again, unchanged.
enum class Act : std::uint8_t { Create, Duplicate, Update, Delete, Engagement, Hide, Unhide };
constexpr std::size_t kActs = 7;
std::string_view name(Act act);
std::optional<Act> parse_act(std::string_view text);

// One theme surges: `strength` times the whole stream's mean rate comes on top, all of it on
// `topic`, nearly every message by another author.
struct Burst {
  Time start;
  std::chrono::minutes length{10};
  Subject topic = Subject::Delivery;
  double strength = 1;
};

struct GenerateOptions {
  std::uint64_t seed = 1;
  double per_second = 50;            // acts a second of stream time, on the average of a week
  Time start{};                      // stream time of the beginning
  std::chrono::seconds duration{0};  // of stream time; 0 goes on for ever
  std::uint64_t count = 0;           // acts; 0 has no limit
  std::vector<Act> acts;             // empty means all; creations always come
  std::vector<Burst> bursts;
  bool surprise_bursts = true;  // further bursts that the seed chooses, about four a day
  bool rhythm = true;           // nights and week-ends are quiet
  bool seen_at = false;         // stamp `seen_at` with the stream time
};

// What is wrong with the options, or nothing.
std::optional<std::string> check(const GenerateOptions& options);

// One act of the stream.
struct Emission {
  std::uint64_t ordinal = 0;  // from 0
  Act act = Act::Create;
  Subject topic = Subject::Noise;  // what the message was made to be about
  Time at;                         // stream time
  Mention mention;
};

// A place in the stream of some options: the next act.
struct StreamPosition {
  std::uint64_t ordinal = 0;
  Minute minute = 0;        // of stream time
  std::uint32_t index = 0;  // within the minute
  friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

// A synthetic stream about the invented brand "acme", of its competitor "globex" and of everyday
// noise: a pure function of its options, the same on every machine. About 40 % of the messages
// touch the brand or a theme. Acts come in the order of stream time; engagement, edits and deletes
// follow their message by seconds to hours.
//
// A message is a function of (seed, minute, number within the minute), so that a reply can name an
// earlier message and a generator can begin anywhere, without the stream before it.
class Generator {
 public:
  // The options have passed `check`.
  explicit Generator(const GenerateOptions& options);
  // Begins at a position that a generator of the same options had.
  Generator(GenerateOptions options, const StreamPosition& position);
  ~Generator();
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;

  // The next act, or nothing at the end.
  std::optional<Emission> next();
  // The stream time of the next act, or nothing at the end.
  std::optional<Time> next_at();
  StreamPosition position() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
