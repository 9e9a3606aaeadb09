#include "connectors/generate/stream.h"

#include <algorithm>
#include <cmath>

#include "connectors/generate/random.h"

namespace vigie {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;

constexpr std::size_t kPlansKept = 1024;
constexpr std::int64_t kMillion = 1'000'000;
constexpr std::int64_t kMicrosecondsPerMinute = 60 * kMillion;

// Of a thousand: how busy each UTC hour is, and each day from Monday; both have the mean 1000.
constexpr std::array<std::int64_t, 24> kHours = {420,  320,  260,  240,  280,  420,  650,  900,
                                                 1100, 1200, 1230, 1280, 1360, 1330, 1280, 1260,
                                                 1300, 1420, 1560, 1640, 1560, 1320, 990,  680};
constexpr std::array<std::int64_t, 7> kDays = {1040, 1060, 1070, 1070, 1080, 860, 820};

// Chances per million.
constexpr std::uint64_t kReply = 260'000;
constexpr std::uint64_t kStaysOnTopic = 600'000;
constexpr std::uint64_t kDuplicate = 20'000;
constexpr std::uint64_t kEngagement = 220'000;
constexpr std::uint64_t kUpdate = 30'000;
constexpr std::uint64_t kDelete = 20'000;
constexpr std::uint64_t kHide = 10'000;
constexpr std::uint64_t kBrandAnswer = 450'000;
constexpr std::uint64_t kAmbassadorAnswer = 300'000;

constexpr std::uint64_t kPublic = 20'000;         // people of one network who write now and then
constexpr std::uint64_t kCrowd = 1'000'000;       // people who come with a burst
constexpr std::uint64_t kNewcomers = 10'000'000;  // people who write once

// How many acts one message makes on the average. The share of answers is measured.
double acts_per_message(const std::array<bool, kActs>& wanted) {
  const auto on = [&](Act act) { return wanted[static_cast<std::size_t>(act)] ? 1.0 : 0.0; };
  return 1.09 + on(Act::Duplicate) * 0.02 + on(Act::Engagement) * 0.385 + on(Act::Update) * 0.0375 +
         on(Act::Delete) * 0.02 + on(Act::Hide) * (0.01 + on(Act::Unhide) * 0.005);
}

template <std::size_t kSize>
std::size_t choose(Random& random, const std::array<std::uint32_t, kSize>& weights) {
  std::uint64_t total = 0;
  for (const std::uint32_t weight : weights) total += weight;
  std::uint64_t at = random.below(total);
  for (std::size_t i = 0; i < kSize; ++i) {
    if (at < weights[i]) return i;
    at -= weights[i];
  }
  return kSize - 1;
}

microseconds seconds_to(std::uint64_t seconds, Random& random) {
  return microseconds{static_cast<std::int64_t>(seconds * 1'000'000 + random.below(1'000'000))};
}

Network choose_network(Random& random) {
  constexpr std::array<std::uint32_t, 9> kWeights = {34, 14, 8, 9, 8, 9, 8, 5, 5};
  return static_cast<Network>(choose(random, kWeights));
}

Language choose_language(Random& random) {
  constexpr std::array<std::uint32_t, kLanguages> kWeights = {46, 14, 12, 9, 5, 6, 5, 3};
  return static_cast<Language>(choose(random, kWeights));
}

Subject choose_topic(Random& random) {
  constexpr std::array<std::uint32_t, kSubjects> kWeights = {600, 85, 75, 35, 40, 35,
                                                             15,  25, 5,  30, 35, 20};
  return static_cast<Subject>(choose(random, kWeights));
}

}  // namespace

Act act_of(Step step) {
  switch (step) {
    case Step::Duplicate:
      return Act::Duplicate;
    case Step::Engagement1:
    case Step::Engagement2:
    case Step::Engagement3:
      return Act::Engagement;
    case Step::Update1:
    case Step::Update2:
      return Act::Update;
    case Step::Delete:
      return Act::Delete;
    case Step::Hide:
      return Act::Hide;
    case Step::Unhide:
      return Act::Unhide;
    case Step::Create:
    case Step::BrandAnswer:
    case Step::AmbassadorAnswer:
    case Step::CustomerAnswer:
      break;
  }
  return Act::Create;
}

bool has_brand(Network network) {
  return network <= Network::Facebook || network == Network::Youtube;
}

Stream::Stream(const GenerateOptions& options) : options_(options), plans_(kPlansKept) {
  wanted_.fill(options.acts.empty());
  for (const Act act : options.acts) wanted_[static_cast<std::size_t>(act)] = true;
  wanted_[static_cast<std::size_t>(Act::Create)] = true;
  messages_per_minute_millionth_ =
      std::llround(options.per_second / acts_per_message(wanted_) * 60 * 1e6);
}

std::uint64_t Stream::seed_of(Slot slot) const {
  const auto minute = static_cast<std::uint64_t>(static_cast<std::uint32_t>(slot.minute));
  return mix(mix(options_.seed ^ 0x76696769655f6721U) ^ (minute << 32 | slot.number));
}

Time Stream::created(Slot slot) const {
  Random random(seed_of(slot));
  return start_of_minute(slot.minute) +
         microseconds{static_cast<std::int64_t>(random.below(kMicrosecondsPerMinute))};
}

// A day has six blocks of four hours, and two of three blocks have a burst.
std::optional<Burst> Stream::surprise(std::int64_t block) const {
  constexpr std::array<Subject, 6> kTopicsOfBursts = {Subject::Delivery, Subject::AppCrash,
                                                      Subject::Price,    Subject::Safety,
                                                      Subject::Quality,  Subject::Campaign};
  Random random(mix(options_.seed ^ 0x6275727374U) ^ static_cast<std::uint64_t>(block));
  if (!random.chance(667'000)) return std::nullopt;
  Burst burst;
  burst.start = Time{minutes{block * 240 + static_cast<std::int64_t>(random.below(210))}};
  burst.length = minutes{static_cast<std::int64_t>(5 + random.below(16))};
  burst.topic = kTopicsOfBursts[random.below(kTopicsOfBursts.size())];
  burst.strength = static_cast<double>(4 + random.below(13)) / 8;
  return burst;
}

void Stream::add_burst(Plan& plan, const Burst& burst, Minute minute) const {
  const Time at = start_of_minute(minute);
  if (at < floor<minutes>(burst.start) || at >= burst.start + burst.length) return;
  const double extra = static_cast<double>(messages_per_minute_millionth_) * burst.strength;
  const auto count = static_cast<std::uint32_t>(std::llround(extra) / kMillion);
  plan.bursts.emplace_back(burst.topic, count);
  plan.total += count;
}

const Stream::Plan& Stream::plan(Minute minute) {
  Plan& plan = plans_[static_cast<std::size_t>(minute) % kPlansKept];
  if (plan.minute == minute) return plan;
  std::int64_t expected = messages_per_minute_millionth_;
  if (options_.rhythm) {
    const auto hour = static_cast<std::size_t>(minute / 60 % 24);
    const auto day = static_cast<std::size_t>((minute / 1440 + 3) % 7);  // day 0 was a Thursday
    expected = expected / 1000 * kHours[hour] / 1000 * kDays[day];
  }
  Random random(seed_of({minute, ~std::uint32_t{0}}));
  plan.minute = minute;
  plan.usual = static_cast<std::uint32_t>(
      (expected + static_cast<std::int64_t>(random.below(kMillion))) / kMillion);
  plan.total = plan.usual;
  plan.bursts.clear();
  for (const Burst& burst : options_.bursts) add_burst(plan, burst, minute);
  if (options_.surprise_bursts) {
    if (const auto burst = surprise(minute / 240)) add_burst(plan, *burst, minute);
  }
  return plan;
}

std::uint32_t Stream::messages_in(Minute minute) {
  return plan(minute).total;
}

Outline Stream::outline(Slot slot) {
  Outline outline;
  outline.slot = outline.root = slot;
  outline.seed = seed_of(slot);
  Random random(outline.seed);
  outline.at = start_of_minute(slot.minute) +
               microseconds{static_cast<std::int64_t>(random.below(kMicrosecondsPerMinute))};
  const Plan& minute = plan(slot.minute);
  std::optional<Subject> burst;
  for (std::uint32_t first = minute.usual; const auto& [topic, count] : minute.bursts) {
    if (slot.number >= first && slot.number < first + count) burst = topic;
    first += count;
  }
  if (!burst && random.chance(kReply) && set_parent(outline, random)) {
    set_kind(outline, random);
    return outline;
  }
  outline.network = choose_network(random);
  outline.language = choose_language(random);
  outline.topic = burst ? *burst : choose_topic(random);
  if (burst) {
    outline.author = kCrowd + random.below(kCrowd);
  } else {
    set_usual(outline, random);
  }
  set_kind(outline, random);
  return outline;
}

// Who writes: a few write much, most write seldom; newcomers write once. Now and then it is the
// brand or its ambassador.
void Stream::set_usual(Outline& outline, Random& random) const {
  const std::uint64_t often = random.below(kPublic);
  outline.author = random.below(often + 1);
  if (outline.topic == Subject::Newcomer || random.chance(30'000)) {
    outline.author = kNewcomers + outline.seed % (std::uint64_t{1} << 40);
  }
  if (outline.parent) return;
  if (has_brand(outline.network) && random.chance(4'000)) {
    outline.speaker = Speaker::Brand;
    outline.topic = random.chance(500'000) ? Subject::Campaign : Subject::Brand;
  } else if (outline.network == Network::X && random.chance(6'000)) {
    outline.speaker = Speaker::Ambassador;
    outline.topic = random.chance(500'000) ? Subject::Campaign : Subject::Newcomer;
  }
}

// Answers a message of the last half hour. False when the one that chance names does not exist or
// is nothing that people answer.
bool Stream::set_parent(Outline& outline, Random& random) {
  const auto back = static_cast<Minute>(1 + random.below(30));
  const Slot slot{outline.slot.minute - back, 0};
  const std::uint32_t count = slot.minute >= 0 ? messages_in(slot.minute) : 0;
  if (count == 0) return false;
  const Slot chosen{slot.minute, static_cast<std::uint32_t>(random.below(count))};
  if (created(chosen) < options_.start) return false;
  // The parent's minute is earlier, so the chain of parents ends.
  const Outline parent = this->outline(chosen);
  const bool answerable = parent.kind == Kind::Post || parent.kind == Kind::Mention ||
                          parent.kind == Kind::Reply || parent.kind == Kind::Comment;
  if (!answerable) return false;
  outline.parent = chosen;
  outline.root = parent.root;
  outline.parent_speaker = parent.speaker;
  outline.network = parent.network;
  outline.language = random.chance(850'000) ? parent.language : choose_language(random);
  outline.topic = random.chance(kStaysOnTopic) ? parent.topic : Subject::Noise;
  set_usual(outline, random);
  return true;
}

void Stream::set_kind(Outline& outline, Random& random) const {
  const bool brand_topic = outline.topic != Subject::Noise;
  outline.names_brand = brand_topic && outline.speaker == Speaker::Public &&
                        outline.topic != Subject::Jobs && random.chance(400'000);
  if (outline.parent) {
    const bool threaded = outline.network <= Network::Mastodon ||
                          outline.network == Network::Discord ||
                          outline.network == Network::Telegram;
    outline.kind = threaded ? Kind::Reply : Kind::Comment;
    return;
  }
  outline.kind = outline.names_brand ? Kind::Mention : Kind::Post;
  if (outline.speaker != Speaker::Public) return;
  const std::uint64_t rare = random.below(1000);
  if (rare < 20) outline.kind = Kind::Share;
  if (rare >= 20 && rare < 28) outline.kind = Kind::Reaction;
  const bool direct = outline.network == Network::X || outline.network == Network::Instagram ||
                      outline.network == Network::Facebook || outline.network == Network::Telegram;
  if (brand_topic && direct && rare >= 100 && rare < 150) outline.kind = Kind::Dm;
  if (outline.topic == Subject::Campaign && rare >= 200 && rare < 450) {
    outline.network = Network::Web;
    outline.names_brand = false;
    outline.kind = rare < 400 ? Kind::Click : Kind::Conversion;
  }
}

void Stream::life(const Outline& outline, std::vector<StepAt>& steps) const {
  steps.clear();
  steps.push_back({Step::Create, microseconds{0}});
  if (outline.kind == Kind::Click || outline.kind == Kind::Conversion ||
      outline.kind == Kind::Reaction) {
    return;
  }
  // A seed of its own: the life does not depend on how many numbers the outline has used.
  Random random(mix(outline.seed ^ 0x6c696665U));
  const auto add = [&](Step step, microseconds after) {
    if (wanted_[static_cast<std::size_t>(act_of(step))]) steps.push_back({step, after});
  };
  if (random.chance(kDuplicate)) {
    add(Step::Duplicate, seconds_to(random.octaves(1, 9), random));
  }
  if (random.chance(kEngagement)) {
    microseconds after = seconds_to(random.octaves(30, 7), random);
    add(Step::Engagement1, after);
    if (random.chance(500'000)) {
      after += seconds_to(random.octaves(60, 7), random);
      add(Step::Engagement2, after);
      if (random.chance(500'000)) {
        add(Step::Engagement3, after + seconds_to(random.octaves(60, 7), random));
      }
    }
  }
  if (random.chance(kUpdate)) {
    microseconds first = seconds_to(random.octaves(10, 9), random);
    if (random.chance(250'000)) {
      microseconds second = first + seconds_to(random.octaves(60, 5), random);
      // The network hands the edits over in the wrong order.
      if (random.chance(100'000)) std::swap(first, second);
      add(Step::Update2, second);
    }
    add(Step::Update1, first);
  }
  if (random.chance(kDelete)) add(Step::Delete, seconds_to(random.octaves(60, 8), random));
  if (random.chance(kHide)) {
    const microseconds hidden = seconds_to(random.octaves(60, 6), random);
    add(Step::Hide, hidden);
    if (random.chance(500'000)) {
      add(Step::Unhide, hidden + seconds_to(random.octaves(60, 6), random));
    }
  }
  if (outline.speaker != Speaker::Public || outline.kind == Kind::Share) return;
  const bool asked = outline.names_brand || outline.parent_speaker == Speaker::Brand;
  if (asked && has_brand(outline.network) && random.chance(kBrandAnswer)) {
    const microseconds answered = seconds_to(random.octaves(60, 6), random);
    add(Step::BrandAnswer, answered);
    if (random.chance(300'000)) {
      add(Step::CustomerAnswer, answered + seconds_to(random.octaves(60, 5), random));
    }
  }
  const bool open = outline.topic == Subject::Newcomer || outline.topic == Subject::Feature;
  if (open && outline.network == Network::X && random.chance(kAmbassadorAnswer)) {
    add(Step::AmbassadorAnswer, seconds_to(random.octaves(120, 6), random));
  }
}

}  // namespace vigie
