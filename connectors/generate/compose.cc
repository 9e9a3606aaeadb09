#include "connectors/generate/compose.h"

#include <array>

#include <fmt/compile.h>
#include <fmt/format.h>

#include "connectors/generate/random.h"

namespace vigie {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<std::string_view, 10> kNetworkNames = {
    "x",      "bluesky", "mastodon", "instagram", "facebook",
    "reddit", "youtube", "discord",  "telegram",  "web"};

// Which message of a slot an id names: the public's, or one of the answers that follow it.
enum class Role : std::uint8_t { Message, BrandAnswer, AmbassadorAnswer, CustomerAnswer };

std::string_view network_name(Network network) {
  return kNetworkNames[static_cast<std::size_t>(network)];
}

template <std::size_t kSize>
std::string in_base(std::uint64_t value, std::size_t width, const char (&digits)[kSize]) {
  std::string out(width, digits[0]);
  for (std::size_t i = width; i-- > 0 && value > 0;) {
    out[i] = digits[value % (kSize - 1)];
    value /= kSize - 1;
  }
  return out;
}

std::string base36(std::uint64_t value, std::size_t width) {
  return in_base(value, width, "0123456789abcdefghijklmnopqrstuvwxyz");
}

std::string base32(std::uint64_t value, std::size_t width) {
  return in_base(value, width, "234567abcdefghijklmnopqrstuvwxyz");
}

// Different for every message: 26 bits of minute (until 2097), 28 of number, 2 of role.
std::uint64_t serial(Slot slot, Role role) {
  return static_cast<std::uint64_t>(slot.minute) << 30 |
         static_cast<std::uint64_t>(slot.number & 0x0fffffffU) << 2 |
         static_cast<std::uint64_t>(role);
}

std::string decimal(std::uint64_t value) {
  const fmt::format_int digits(value);
  return {digits.data(), digits.size()};
}

std::string id_of(Network network, Slot slot, Role role) {
  const std::uint64_t number = serial(slot, role);
  switch (network) {
    case Network::Bluesky:
      return "at://did:plc:stream/app.bsky.feed.post/" + base32(number, 13);
    case Network::Reddit:
      return "t1_" + base36(number, 12);
    case Network::Youtube:
      return "Ug" + base36(number, 14);
    case Network::Facebook:
      return "10001_" + decimal(number);
    case Network::Telegram:
      return "-100200:" + decimal(number);
    case Network::Web:
      return "event-" + base36(number, 12);
    case Network::X:
    case Network::Mastodon:
    case Network::Instagram:
    case Network::Discord:
      break;
  }
  return decimal(number);
}

std::string url_of(Network network, const std::string& handle, const std::string& id) {
  switch (network) {
    case Network::X:
      return fmt::format(FMT_COMPILE("https://x.example/{}/status/{}"), handle, id);
    case Network::Mastodon:
      return fmt::format(FMT_COMPILE("https://social.example/@{}/{}"),
                         handle.substr(0, handle.find('@')), id);
    case Network::Discord:
    case Network::Telegram:
    case Network::Web:
      return {};
    default:
      return fmt::format(FMT_COMPILE("https://{}.example/p/{}"), network_name(network),
                         std::string_view(id).substr(id.rfind('/') + 1));
  }
}

Author brand_of(Network network) {
  Author author{.name = "Acme", .followers = 250'000, .verified = true};
  switch (network) {
    case Network::Bluesky:
      author.id = "did:plc:acme";
      author.handle = "acme.example";
      break;
    case Network::Mastodon:
      author.id = "900100";
      author.handle = "acme@social.example";
      break;
    default:
      author.id = "900100";
      author.handle = "acme";
  }
  return author;
}

Author ambassador() {
  return {
      .id = "900200", .handle = "ana_acme", .name = "Ana", .followers = 4'200, .verified = false};
}

// A person is a function of network and number, whatever the seed of the stream.
Author person(Network network, std::uint64_t number) {
  constexpr std::array<std::string_view, 16> kFirst = {
      "blue", "quiet", "rapid", "sunny",  "old",  "brave", "lazy",  "tiny",
      "red",  "happy", "north", "silver", "wild", "calm",  "urban", "late"};
  constexpr std::array<std::string_view, 16> kSecond = {
      "otter", "maker", "baker", "pixel", "river", "fox",   "panda", "cyclist",
      "nurse", "pilot", "gamer", "tiger", "robin", "coder", "cook",  "walker"};
  Random random(mix(number * 16 + static_cast<std::uint64_t>(network)));
  const std::string_view first = kFirst[random.below(kFirst.size())];
  const std::string_view second = kSecond[random.below(kSecond.size())];
  Author author;
  author.handle.append(first).append(network == Network::Bluesky ? "-" : "_").append(second);
  author.handle += decimal(number);
  author.name.append(first).append(1, ' ').append(second);
  if (network == Network::Bluesky) {
    author.id = "did:plc:" + base32(number, 12);
    author.handle += ".bsky.example";
  } else if (network == Network::Mastodon) {
    author.handle += "@social.example";
    author.id = decimal(1'000'000 + number);
  } else if (network == Network::Reddit) {
    author.id = "t2_" + base36(number, 9);
  } else if (network == Network::Web) {
    author = {.id = "visitor-" + base36(number, 9)};
    return author;
  } else {
    author.id = decimal(1'000'000 + number);
  }
  if (network == Network::X || network == Network::Bluesky || network == Network::Instagram) {
    author.followers = static_cast<std::int64_t>(random.octaves(8, 14));
  }
  if (network == Network::X) author.verified = random.chance(30'000);
  return author;
}

Author author_of(const Outline& outline) {
  if (outline.speaker == Speaker::Brand) return brand_of(outline.network);
  if (outline.speaker == Speaker::Ambassador) return ambassador();
  return person(outline.network, outline.author);
}

std::string brand_handle(Network network) {
  if (network == Network::Bluesky) return "@acme.example";
  if (network == Network::Mastodon) return "@acme@social.example";
  return "@acme";
}

std::string_view brand_word(Random& random) {
  constexpr std::array<std::string_view, 10> kWords = {
      "acme", "Acme", "ACME", "acme", "Acme", "#acme", "Acme Corp", "acme", "Acmé", "ａｃｍｅ"};
  return kWords[random.below(kWords.size())];
}

template <class List>
auto pick(const List& list, Random& random) {
  return list[random.below(list.size())];
}

// Fills a phrase's places in.
std::string write(std::string_view phrase, const Outline& outline, Random& random) {
  std::string out;
  out.reserve(phrase.size() + 48);
  bool named = false;
  for (std::size_t i = 0; i < phrase.size(); ++i) {
    if (phrase[i] != '{') {
      out += phrase[i];
      continue;
    }
    switch (phrase[i + 1]) {
      case 'b':
        if (outline.names_brand) {
          out += brand_handle(outline.network);
        } else {
          out += brand_word(random);
        }
        named = true;
        break;
      case 'g':
        out += random.chance(300'000) ? "@globex" : "Globex";
        break;
      case 'i':
        out += pick(things(outline.language), random);
        break;
      case 'c':
        out += pick(cities(outline.language), random).name;
        break;
      case 'n':
        out += decimal(2 + random.below(97));
        break;
      default:
        out += "https://" + std::string(outline.topic == Subject::Noise ? "news" : "acme") +
               ".example/" + (outline.topic == Subject::Campaign ? "summer/" : "p/") +
               base36(random.below(1'000'000), 5);
    }
    i += 2;
  }
  if (outline.names_brand && !named) out = brand_handle(outline.network) + " " + out;
  return out;
}

// The words of the `edit`th edit; 0 is the message as first written.
std::string text_of(const Outline& outline, int edit) {
  Random random(mix(outline.seed ^ 0x74657874U));
  const std::string_view phrase = pick(phrases(outline.topic, outline.language), random);
  std::string text = write(phrase, outline, random);
  if (edit == 0) return text;
  Random changes(mix(outline.seed ^ (0x65646974U + static_cast<std::uint64_t>(edit))));
  // Most edits add a word; some say another thing altogether.
  if (changes.chance(300'000)) {
    Outline other = outline;
    other.topic = static_cast<Subject>(changes.below(kSubjects));
    return write(pick(phrases(other.topic, other.language), changes), other, changes);
  }
  constexpr std::array<std::string_view, 4> kAdded = {" (edited)", " EDIT: typo", " 🙏",
                                                      " update: solved"};
  text += kAdded[changes.below(kAdded.size())];
  return text;
}

// The author's clock: seconds behind, seldom minutes, hours or weeks, and seldom ahead.
Time clock_of(const Outline& outline, std::uint64_t purpose, Time at) {
  Random random(mix(outline.seed ^ purpose));
  std::int64_t behind = static_cast<std::int64_t>(random.below(3'000'000));
  const std::uint64_t rare = random.below(100'000);
  if (rare < 1000) behind = static_cast<std::int64_t>(random.octaves(60, 5)) * 1'000'000;
  if (rare < 100) behind = static_cast<std::int64_t>(random.octaves(3600, 4)) * 1'000'000;
  if (rare < 5) behind = std::int64_t{40} * 24 * 3600 * 1'000'000;
  if (rare >= 99'700) behind = -static_cast<std::int64_t>(random.below(300)) * 1'000'000;
  const Time told = at - microseconds{behind};
  const bool whole_seconds = outline.network == Network::Reddit ||
                             outline.network == Network::Facebook ||
                             outline.network == Network::Telegram;
  if (whole_seconds) return floor<seconds>(told);
  return floor<milliseconds>(told);
}

Engagement engagement_of(const Outline& outline, int step) {
  Random random(mix(outline.seed ^ 0x6c696b65U));
  constexpr std::array<std::int64_t, 4> kShare = {0, 30, 75, 100};  // percent of what will be
  const auto final_likes = static_cast<std::int64_t>(random.octaves(1, 12) - 1);
  std::int64_t share = kShare[static_cast<std::size_t>(step)];
  // People take likes back, and networks remove false ones.
  if (step == 3 && random.chance(100'000)) share = 60;
  const std::int64_t likes = final_likes * share / 100;
  Engagement counts{.likes = likes};
  const Network network = outline.network;
  if (network != Network::Telegram) counts.replies = likes / 6;
  if (network == Network::X || network == Network::Bluesky || network == Network::Mastodon ||
      network == Network::Facebook) {
    counts.shares = likes / 9;
  }
  if (network == Network::X || network == Network::Youtube || network == Network::Telegram) {
    counts.views = final_likes * 27 * (share == 60 ? 100 : share) / 100;
  }
  if (network == Network::X && outline.topic == Subject::Campaign) counts.clicks = likes / 4;
  // Some answers of a network leave a count out.
  if (random.chance(50'000)) counts.replies.reset();
  return counts;
}

void set_place(const Outline& outline, Mention& mention) {
  Random random(mix(outline.seed ^ 0x706c616365U));
  if (!random.chance(80'000)) return;
  const City& city = pick(cities(outline.language), random);
  mention.place = Place{.country = std::string(city.country), .city = std::string(city.name)};
  if (random.chance(500'000)) {
    mention.place->lat = city.lat;
    mention.place->lon = city.lon;
  }
}

void set_visit(const Outline& outline, Mention& mention) {
  Random random(mix(outline.seed ^ 0x7669736974U));
  mention.text.clear();
  mention.lang.clear();
  if (random.chance(500'000)) {
    mention.campaign = "summer-build";
  } else {
    mention.url = "https://acme.example/summer?utm_campaign=summer-build&utm_source=x";
    mention.links.emplace().push_back(mention.url);
  }
  if (random.chance(300'000)) mention.ambassador = "ana";
  if (mention.kind != Kind::Conversion) return;
  const bool purchase = random.chance(700'000);
  mention.conversion = Conversion{.name = purchase ? "purchase" : "signup"};
  if (!purchase) return;
  mention.conversion->value = static_cast<double>(500 + random.below(9'500)) / 100;
  mention.conversion->currency = "EUR";
}

void set_thread(const Outline& outline, const Outline* parent, Mention& mention) {
  if (parent == nullptr) return;
  mention.conversation_id = id_of(outline.network, outline.root, Role::Message);
  mention.in_reply_to = id_of(outline.network, parent->slot, Role::Message);
  const Author author = author_of(*parent);
  mention.in_reply_to_author = Person{author.id, author.handle};
}

Mention message(const Outline& outline, const Outline* parent, int edit) {
  Mention mention;
  mention.network = network_name(outline.network);
  mention.id = id_of(outline.network, outline.slot, Role::Message);
  mention.kind = outline.kind;
  mention.author = author_of(outline);
  mention.lang = name(outline.language);
  mention.text = text_of(outline, edit);
  mention.created_at = clock_of(outline, 0x636c6f636bU, outline.at);
  mention.url = url_of(outline.network, mention.author.handle, mention.id);
  set_thread(outline, parent, mention);
  set_place(outline, mention);
  if (outline.kind == Kind::Reaction) mention.text.clear();
  if (outline.network == Network::Web) set_visit(outline, mention);
  if (outline.kind == Kind::Dm) {
    mention.conversation_id = "dm-" + mention.author.id;
    mention.url.clear();
  }
  // Where the brand is named by its account, half of the sources say so themselves.
  if (outline.names_brand && has_brand(outline.network) && outline.seed % 2 == 0) {
    const Author brand = brand_of(outline.network);
    mention.mentions.emplace().push_back({brand.id, brand.handle});
  }
  if (outline.network == Network::X || outline.network == Network::Bluesky) {
    mention.engagement = engagement_of(outline, 0);
  }
  if (outline.network == Network::X || outline.network == Network::Discord) mention.version = edit;
  return mention;
}

// A message of the thread that `outline` belongs to, written later by somebody who answers it.
Mention answer(const Outline& outline, Step step, Time at) {
  const Role role = step == Step::BrandAnswer        ? Role::BrandAnswer
                    : step == Step::AmbassadorAnswer ? Role::AmbassadorAnswer
                                                     : Role::CustomerAnswer;
  const bool by_customer = role == Role::CustomerAnswer;
  Random random(mix(outline.seed ^ (0x616e73776572U + static_cast<std::uint64_t>(role))));
  Mention mention;
  mention.network = network_name(outline.network);
  mention.id = id_of(outline.network, outline.slot, role);
  mention.kind = Kind::Reply;
  mention.conversation_id = id_of(outline.network, outline.root, Role::Message);
  mention.in_reply_to =
      id_of(outline.network, outline.slot, by_customer ? Role::BrandAnswer : Role::Message);
  const Author customer = author_of(outline);
  const Author brand = brand_of(outline.network);
  const Author& to = by_customer ? brand : customer;
  mention.author = by_customer ? customer : role == Role::BrandAnswer ? brand : ambassador();
  mention.in_reply_to_author = Person{to.id, to.handle};
  mention.lang = name(outline.language);
  mention.text = pick(by_customer                 ? customer_answers(outline.language)
                      : role == Role::BrandAnswer ? brand_answers(outline.language)
                                                  : ambassador_answers(outline.language),
                      random);
  mention.created_at = clock_of(outline, 0x72657374U + static_cast<std::uint64_t>(role), at);
  mention.url = url_of(outline.network, mention.author.handle, mention.id);
  if (outline.kind == Kind::Dm) {
    mention.kind = Kind::Dm;
    mention.conversation_id = "dm-" + customer.id;
    mention.url.clear();
  }
  return mention;
}

Mention bare(const Outline& outline, Op op) {
  Mention mention;
  mention.network = network_name(outline.network);
  mention.id = id_of(outline.network, outline.slot, Role::Message);
  mention.op = op;
  return mention;
}

Mention edited(const Outline& outline, const Outline* parent, int edit, Time at) {
  Mention mention = message(outline, parent, edit);
  mention.op = Op::Update;
  mention.edited_at = floor<milliseconds>(at);
  mention.engagement = {};
  return mention;
}

Mention counted(const Outline& outline, int step) {
  Mention mention = bare(outline, Op::Engagement);
  mention.engagement = engagement_of(outline, step);
  return mention;
}

}  // namespace

Mention compose(const Outline& outline, Step step, Time at, const Outline* parent) {
  switch (step) {
    case Step::Create:
    case Step::Duplicate:
      return message(outline, parent, 0);
    case Step::Engagement1:
      return counted(outline, 1);
    case Step::Engagement2:
      return counted(outline, 2);
    case Step::Engagement3:
      return counted(outline, 3);
    case Step::Update1:
      return edited(outline, parent, 1, at);
    case Step::Update2:
      return edited(outline, parent, 2, at);
    case Step::Delete:
      return bare(outline, Op::Delete);
    case Step::Hide:
      return bare(outline, Op::Hide);
    case Step::Unhide:
      return bare(outline, Op::Unhide);
    case Step::BrandAnswer:
    case Step::AmbassadorAnswer:
    case Step::CustomerAnswer:
      break;
  }
  return answer(outline, step, at);
}

}  // namespace vigie
