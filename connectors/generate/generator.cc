#include "connectors/generate/generator.h"

#include <algorithm>
#include <array>
#include <cassert>

#include <fmt/format.h>

#include "connectors/generate/compose.h"
#include "connectors/generate/stream.h"

namespace vigie {
namespace {

constexpr std::array<std::string_view, kActs> kActNames = {
    "create", "duplicate", "update", "delete", "engagement", "hide", "unhide"};

// One act that is still to come.
struct Due {
  std::int64_t at = 0;  // microseconds of stream time
  Slot slot;
  Step step = Step::Create;

  friend bool operator<(const Due& a, const Due& b) {
    if (a.at != b.at) return a.at < b.at;
    if (a.slot.minute != b.slot.minute) return a.slot.minute < b.slot.minute;
    if (a.slot.number != b.slot.number) return a.slot.number < b.slot.number;
    return a.step < b.step;
  }
};

// Acts are kept by the minute in which they are due, in a ring that is longer than any life.
constexpr Minute kRing = 512;
static_assert(kRing > kLongestLife.count() + 2);

}  // namespace

std::string_view name(Act act) {
  return kActNames[static_cast<std::size_t>(act)];
}

std::optional<Act> parse_act(std::string_view text) {
  for (std::size_t i = 0; i < kActs; ++i) {
    if (kActNames[i] == text) return static_cast<Act>(i);
  }
  return std::nullopt;
}

std::optional<std::string> check(const GenerateOptions& options) {
  constexpr Time kLatest = std::chrono::sys_days{std::chrono::year{2090} / 1 / 1};
  if (!(options.per_second >= 0.001 && options.per_second <= 1'000'000)) {
    return fmt::format("expected 0.001 to 1000000 a second, found {}", options.per_second);
  }
  if (options.start < Time{} || options.start > kLatest) {
    return "expected a start from 1970 to 2090, found " + format_time(options.start);
  }
  if (options.duration.count() < 0 || options.start + options.duration > kLatest) {
    return fmt::format("expected a duration from 0 s that ends before 2090, found {} s",
                       options.duration.count());
  }
  for (const Burst& burst : options.bursts) {
    if (burst.length.count() < 1 || burst.length > std::chrono::hours{24}) {
      return fmt::format("expected a burst of 1 to 1440 minutes, found {}", burst.length.count());
    }
    if (!(burst.strength > 0 && burst.strength * options.per_second <= 1'000'000)) {
      return fmt::format("expected a burst of at most 1000000 a second, found a strength of {}",
                         burst.strength);
    }
  }
  return std::nullopt;
}

struct Generator::Impl {
  Impl(GenerateOptions given, const StreamPosition& from)
      : options(std::move(given)),
        stream(options),
        ring(static_cast<std::size_t>(kRing)),
        first_minute(minute_of(options.start)),
        end(options.duration.count() == 0 ? Time::max() : options.start + options.duration),
        ordinal(from.ordinal) {
    // The acts that are due later than `from` belong to messages of the minutes before it.
    const auto before = static_cast<Minute>(kLongestLife.count());
    minute = std::max(first_minute, from.minute - before - 1);
    while (minute < from.minute) {
      plan_minute();
      ring_of(minute).clear();
      ++minute;
    }
    load();
    index = std::min<std::size_t>(from.index, today().size());
  }

  std::vector<Due>& ring_of(Minute of) { return ring[static_cast<std::size_t>(of % kRing)]; }
  std::vector<Due>& today() { return ring_of(minute); }

  // Puts the acts of the messages of this minute where they are due.
  void plan_minute() {
    const std::uint32_t count = stream.messages_in(minute);
    for (std::uint32_t number = 0; number < count; ++number) {
      const Outline outline = stream.outline({minute, number});
      if (outline.at < options.start || outline.at >= end) continue;
      stream.life(outline, steps);
      for (const auto& [step, after] : steps) {
        const Time at = outline.at + after;
        if (at >= end) continue;
        assert(minute_of(at) - minute < kRing);
        ring_of(minute_of(at)).push_back({at.time_since_epoch().count(), outline.slot, step});
      }
    }
  }

  void load() {
    plan_minute();
    std::sort(today().begin(), today().end());
    index = 0;
  }

  // Moves on until an act is at hand; false at the end of the stream.
  bool seek() {
    if (options.count != 0 && ordinal >= options.count) return false;
    while (index == today().size()) {
      // Memory of a busy minute is not kept for the quiet ones.
      std::vector<Due>().swap(today());
      index = 0;
      if (start_of_minute(minute + 1) >= end) return false;
      ++minute;
      load();
    }
    return true;
  }

  const GenerateOptions options;
  Stream stream;
  std::vector<std::vector<Due>> ring;
  std::vector<StepAt> steps;
  const Minute first_minute;
  const Time end;
  Minute minute = 0;
  std::size_t index = 0;  // in today's acts
  std::uint64_t ordinal;
};

Generator::Generator(const GenerateOptions& options)
    : Generator(options, {.ordinal = 0, .minute = minute_of(options.start), .index = 0}) {}

Generator::Generator(GenerateOptions options, const StreamPosition& position)
    : impl_(std::make_unique<Impl>(std::move(options), position)) {}

Generator::~Generator() = default;
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;

std::optional<Time> Generator::next_at() {
  if (!impl_->seek()) return std::nullopt;
  return Time{std::chrono::microseconds{impl_->today()[impl_->index].at}};
}

StreamPosition Generator::position() const {
  return {impl_->ordinal, impl_->minute, static_cast<std::uint32_t>(impl_->index)};
}

std::optional<Emission> Generator::next() {
  if (!impl_->seek()) return std::nullopt;
  const Due due = impl_->today()[impl_->index++];
  const Outline outline = impl_->stream.outline(due.slot);
  std::optional<Outline> parent;
  if (outline.parent) parent = impl_->stream.outline(*outline.parent);
  Emission emission;
  emission.ordinal = impl_->ordinal++;
  emission.act = act_of(due.step);
  emission.topic = outline.topic;
  emission.at = Time{std::chrono::microseconds{due.at}};
  emission.mention = compose(outline, due.step, emission.at, parent ? &*parent : nullptr);
  if (impl_->options.seen_at) emission.mention.seen_at = emission.at;
  return emission;
}

}  // namespace vigie
