#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "connectors/generate/generator.h"
#include "connectors/generate/phrases.h"

namespace vigie {

// Which message of the stream: the `number`th one of a minute.
struct Slot {
  Minute minute = 0;
  std::uint32_t number = 0;
  friend bool operator==(const Slot&, const Slot&) = default;
};

enum class Network : std::uint8_t {
  X,
  Bluesky,
  Mastodon,
  Instagram,
  Facebook,
  Reddit,
  Youtube,
  Discord,
  Telegram,
  Web,
};

// Who speaks in the stream.
enum class Speaker : std::uint8_t { Public, Brand, Ambassador };

// What a message is, without its words.
struct Outline {
  Slot slot;
  std::uint64_t seed = 0;  // of everything else about the message
  Network network = Network::X;
  Language language = Language::En;
  Subject topic = Subject::Noise;
  Kind kind = Kind::Post;
  Speaker speaker = Speaker::Public;
  std::uint64_t author = 0;  // number of a member of the public
  bool names_brand = false;  // by its account
  Time at;                   // stream time of its creation
  std::optional<Slot> parent;
  Slot root;  // itself when it has no parent
  Speaker parent_speaker = Speaker::Public;
};

// The acts of a message's life, in the numbers that order acts of one moment.
enum class Step : std::uint8_t {
  Create,
  Duplicate,
  Engagement1,
  Engagement2,
  Engagement3,
  Update1,
  Update2,
  Delete,
  Hide,
  Unhide,
  BrandAnswer,
  AmbassadorAnswer,
  CustomerAnswer,
};
Act act_of(Step step);

struct StepAt {
  Step step = Step::Create;
  std::chrono::microseconds after{0};  // its message's creation
};

// No act comes later than this after the creation of its message.
constexpr std::chrono::minutes kLongestLife{8 * 60};

// The networks on which the brand has an account.
bool has_brand(Network network);

// The plan of the stream: how many messages a minute has and what each of them is. A pure function
// of the options; it remembers some minutes, so one thread.
class Stream {
 public:
  explicit Stream(const GenerateOptions& options);

  std::uint32_t messages_in(Minute minute);
  Outline outline(Slot slot);
  // Everything that happens to the message, its creation first, as far as the options want it.
  void life(const Outline& outline, std::vector<StepAt>& steps) const;
  // When the message is created, without the rest of its outline.
  Time created(Slot slot) const;

 private:
  struct Plan {
    Minute minute = -1;
    std::uint32_t usual = 0;  // messages before those of bursts
    std::vector<std::pair<Subject, std::uint32_t>> bursts;
    std::uint32_t total = 0;
  };

  const Plan& plan(Minute minute);
  void add_burst(Plan& plan, const Burst& burst, Minute minute) const;
  std::optional<Burst> surprise(std::int64_t block) const;
  std::uint64_t seed_of(Slot slot) const;
  void set_usual(Outline& outline, class Random& random) const;
  bool set_parent(Outline& outline, class Random& random);
  void set_kind(Outline& outline, class Random& random) const;

  const GenerateOptions options_;
  std::array<bool, kActs> wanted_{};
  std::int64_t messages_per_minute_millionth_ = 0;
  std::vector<Plan> plans_;  // by minute modulo its size
};

}  // namespace vigie
