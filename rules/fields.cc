#include "rules/fields.h"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/core/ids.h"
#include "rules/plan.h"
#include "rules/suggest.h"

namespace vigie {
namespace {

using What = Field::What;

std::unexpected<Error> unknown(std::string_view what, std::string_view value,
                               const std::vector<std::string_view>& known) {
  return fail(Code::Invalid, unknown_value(what, value, known));
}

Field simple(What what) {
  Field field;
  field.what = what;
  return field;
}

Field valued(What what, std::string value) {
  Field field;
  field.what = what;
  field.value = std::move(value);
  return field;
}

Result<Field> handle_field(What what, std::string_view name, std::string_view value) {
  if (value.size() < 2 || value[0] != '@') {
    return fail(Code::Invalid, fmt::format("expected a handle, such as {}:@acme", name));
  }
  return valued(what, fold(value.substr(1)));
}

Result<Field> author_field(std::string_view value, const FieldContext& context) {
  if (value.starts_with('@')) return handle_field(What::AuthorHandle, "author", value);
  if (value.starts_with("id:") && value.size() > 3) {
    return valued(What::AuthorId, std::string(value.substr(3)));
  }
  if (value == "new") return simple(What::AuthorNew);
  if (value == "brand") return simple(What::AuthorBrand);
  if (value == "ambassador") return simple(What::AuthorAmbassador);
  if (value.starts_with("list:")) {
    const std::string_view list = value.substr(5);
    const auto found = context.lists.find(list);
    if (found != context.lists.end()) {
      Field field = simple(What::AuthorList);
      field.index = found->second;
      return field;
    }
    if (context.compared > FieldContext::kMaxCompared)
      return fail(Code::Invalid, fmt::format("unknown list \"{}\"", list));
    std::vector<std::string_view> known;
    known.reserve(context.lists.size());
    for (const auto& [key, number] : context.lists) known.push_back(key);
    context.compared += known.size();
    return unknown("list", list, known);
  }
  const std::string_view near = nearest(value, {"new", "brand", "ambassador"});
  if (!near.empty()) return unknown("author", value, {near});
  if (context.lists.contains(value)) {
    return fail(Code::Invalid,
                fmt::format("unknown author \"{}\"; did you mean \"list:{}\"?", value, value));
  }
  return fail(Code::Invalid,
              fmt::format("unknown author \"{}\"; expected @handle, id:ID, new, brand, ambassador "
                          "or list:NAME",
                          value));
}

Result<Field> tag_field(std::string_view name, std::string_view value, FieldContext::Where where,
                        const FieldContext& context) {
  if (where != FieldContext::Where::Route) {
    return fail(Code::Invalid, fmt::format("{}: stands only in routes", name));
  }
  Field field;
  field.kind = name == "theme"      ? RuleKind::Theme
               : name == "campaign" ? RuleKind::Campaign
                                    : RuleKind::Competitor;
  if (value == "*") {
    field.what = What::AnyTag;
    return field;
  }
  const std::string prefix = fmt::format("{}:", name);
  const auto found = context.labels.find(prefix + std::string(value));
  if (found != context.labels.end()) {
    field.what = What::Tag;
    field.index = found->second;
    return field;
  }
  if (context.compared > FieldContext::kMaxCompared)
    return fail(Code::Invalid, fmt::format("unknown {} \"{}\"", name, value));
  context.compared += context.labels.size();
  std::vector<std::string_view> known;
  for (const auto& [label, rule] : context.labels) {
    const std::size_t colon = label.find(':');
    if (label.starts_with(prefix)) known.push_back(std::string_view(label).substr(prefix.size()));
    if (colon == std::string::npos || label.substr(colon + 1) != value) continue;
    return fail(Code::Invalid,
                fmt::format("unknown {} \"{}\"; did you mean {}?", name, value, label));
  }
  return unknown(name, value, known);
}

Result<Field> flag_field(std::string_view name, std::string_view value, FieldContext::Where where) {
  if (name == "is") {
    if (value == "question") return simple(What::Question);
    if (value == "verified") return simple(What::Verified);
    if (value == "brand") {
      if (where == FieldContext::Where::Brand) {
        return fail(Code::Invalid, "the brand query cannot ask is:brand");
      }
      return simple(What::IsBrand);
    }
    return unknown("flag is:", value, {"question", "brand", "verified"});
  }
  if (value == "link") return simple(What::HasLink);
  if (value == "media") return simple(What::HasMedia);
  if (value == "place") return simple(What::HasPlace);
  return unknown("flag has:", value, {"link", "media", "place"});
}

Result<Field> kind_field(std::string_view value) {
  const std::optional<Kind> kind = parse_kind(fold(value));
  if (!kind) {
    return unknown(
        "kind", value,
        {"mention", "reply", "comment", "post", "share", "reaction", "dm", "click", "conversion"});
  }
  Field field = simple(What::IsKind);
  field.mention_kind = *kind;
  return field;
}

Result<Field> lang_field(std::string_view value) {
  std::string folded = fold(value);
  const std::string_view language = std::string_view(folded).substr(0, folded.find('-'));
  const bool letters = std::ranges::all_of(language, [](char c) { return c >= 'a' && c <= 'z'; });
  const bool plain = std::ranges::all_of(
      folded, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!letters || !plain || language.size() < 2 || language.size() > 8 || folded.ends_with('-')) {
    return fail(Code::Invalid,
                fmt::format("unknown language \"{}\"; expected a code such as fr or pt-BR", value));
  }
  return valued(What::Lang, std::move(folded));
}

Result<Field> url_field(What what, std::string_view name, std::string_view value) {
  HostPath parts = split_url(value);
  if (parts.host.empty() || parts.host.find_first_of(" @*?") != std::string::npos) {
    return fail(
        Code::Invalid,
        fmt::format("expected a host, or a host and path, such as {}:\"acme.com/shop\"", name));
  }
  if (value.find_first_of("?#") != std::string_view::npos) {
    return fail(Code::Invalid,
                fmt::format("{}: compares host and path; leave out what follows ? or #", name));
  }
  Field field = valued(what, std::move(parts.host));
  field.path = std::move(parts.path);
  return field;
}

// The length of `scheme://` at the start of a URL, or 0. A `://` further on, as in the query of a
// redirect, belongs to another address.
std::size_t scheme_size(std::string_view url) {
  const std::size_t end = url.find("://");
  if (end == std::string_view::npos || end == 0) return 0;
  const std::string_view scheme = url.substr(0, end);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool valid =
      is_letter(scheme[0]) && std::ranges::all_of(scheme, [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-';
      });
  return valid ? end + 3 : 0;
}

// The handle of a person, who may be told with or without the @.
std::string_view without_at(std::string_view handle) {
  return handle.substr(handle.starts_with('@') ? 1 : 0);
}

bool contains_path(const HostPath& link, const Field& field) {
  const std::string_view host = link.host;
  if (!host.ends_with(field.value)) return false;
  const std::size_t before = host.size() - field.value.size();
  if (before > 0 && host[before - 1] != '.') return false;
  if (!link.path.starts_with(field.path)) return false;
  return link.path.size() == field.path.size() || link.path[field.path.size()] == '/';
}

}  // namespace

bool is_told(const std::optional<Place>& place) {
  return place && (!place->country.empty() || !place->city.empty() || (place->lat && place->lon));
}

HostPath split_url(std::string_view url) {
  HostPath result;
  url = url.substr(scheme_size(url));
  url = url.substr(0, url.find_first_of("?#"));
  const std::size_t slash = url.find('/');
  std::string_view host = url.substr(0, slash);
  if (const std::size_t user = host.rfind('@'); user != std::string_view::npos)
    host = host.substr(user + 1);
  if (const std::size_t port = host.rfind(':'); port != std::string_view::npos)
    host = host.substr(0, port);
  while (host.ends_with('.')) host.remove_suffix(1);
  fold_into(result.host, host);
  if (slash == std::string_view::npos) return result;
  std::string_view path = url.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  fold_into(result.path, path);
  return result;
}

void fold_into(std::string& out, std::string_view text) {
  out.assign(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      out = fold(text);
      return;
    }
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
}

FieldContext context_of(const RuleFile& file) {
  FieldContext context;
  context.file = &file;
  for (const auto& [id, accounts] : file.lists) {
    context.lists.emplace(id, static_cast<std::uint32_t>(context.lists.size()));
  }
  for (std::uint32_t i = 0; i < file.rules.size(); ++i) {
    context.labels.emplace(file.rules[i].label, i);
  }
  return context;
}

Result<Field> compile_field(const QueryNode& query, FieldContext::Where where,
                            const FieldContext& context) {
  const std::string_view name = query.name;
  const std::string_view value = query.text;
  if (query.kind == QueryNode::Kind::Number) {
    Field field = simple(name == "followers" ? What::Followers
                         : name == "likes"   ? What::Likes
                         : name == "replies" ? What::Replies
                         : name == "shares"  ? What::Shares
                         : name == "views"   ? What::Views
                                             : What::Clicks);
    field.compare = query.compare;
    field.number = query.number;
    return field;
  }
  if (name == "author") return author_field(value, context);
  if (name == "to") {
    if (value == "brand") return simple(What::ToBrand);
    return fail(Code::Invalid,
                fmt::format("unknown to:{}; expected to:brand, or mentions:@handle", value));
  }
  if (name == "mentions") return handle_field(What::Mentions, name, value);
  if (name == "reply_to") return handle_field(What::ReplyTo, name, value);
  if (name == "conversation") return valued(What::Conversation, std::string(value));
  if (name == "network") {
    std::string folded = fold(value);
    if (is_network_name(folded)) return valued(What::Network, std::move(folded));
    return fail(Code::Invalid, fmt::format("\"{}\" is no name of a network", value));
  }
  if (name == "kind") return kind_field(value);
  if (name == "lang") return lang_field(value);
  if (name == "country" || name == "city") {
    std::string folded = fold(value);
    if (folded.empty()) return fail(Code::Invalid, fmt::format("expected a name after {}:", name));
    return valued(name == "city" ? What::City : What::Country, std::move(folded));
  }
  if (name == "url") return url_field(What::Url, name, value);
  if (name == "site") return url_field(What::Site, name, value);
  if (name == "is" || name == "has") return flag_field(name, value, where);
  return tag_field(name, value, where, context);
}

void Facts::start(const RuleSet::Plan& plan, const Mention& mention, const CutText& cut,
                  const IsNewAuthor* is_new_author, const std::vector<std::uint8_t>& tags,
                  Verdict& verdict) {
  plan_ = &plan;
  mention_ = &mention;
  cut_ = &cut;
  is_new_author_ = is_new_author;
  tags_ = &tags;
  verdict_ = &verdict;
  has_author_ = has_parent_ = has_links_ = false;
  new_.reset();
  to_brand_.reset();
}

const std::string& Facts::folded_author() {
  if (!has_author_) fold_into(author_, without_at(mention_->author.handle));
  has_author_ = true;
  return author_;
}

const std::string& Facts::folded_parent() {
  if (!has_parent_) {
    parent_.clear();
    if (mention_->in_reply_to_author) {
      fold_into(parent_, without_at(mention_->in_reply_to_author->handle));
    }
  }
  has_parent_ = true;
  return parent_;
}

bool Facts::by(const AccountSet& accounts) {
  return !accounts.empty() &&
         accounts.holds(mention_->network, mention_->author.id, folded_author());
}

bool Facts::answers(const AccountSet& accounts) {
  return !accounts.empty() && mention_->in_reply_to_author &&
         accounts.holds(mention_->network, mention_->in_reply_to_author->id, folded_parent());
}

void Facts::find_ambassadors(std::vector<std::string>& out) {
  const AccountSet& known = plan_->ambassadors;
  out.clear();
  if (known.empty()) return;
  const auto add = [&](const std::string* account) {
    const bool full = out.size() == Verdict::kMostAmbassadors;
    if (account != nullptr && !full && std::ranges::find(out, *account) == out.end()) {
      out.push_back(*account);
    }
  };
  add(known.find(mention_->network, mention_->author.id, folded_author()));
  if (mention_->in_reply_to_author) {
    add(known.find(mention_->network, mention_->in_reply_to_author->id, folded_parent()));
  }
  if (mention_->mentions) {
    for (const Person& person : *mention_->mentions) {
      fold_into(scratch_, without_at(person.handle));
      add(known.find(mention_->network, person.id, scratch_));
    }
  }
  for (const Word& word : cut_->words()) {
    if (word.kind == WordKind::Handle) add(known.find(mention_->network, {}, word.folded));
  }
}

bool Facts::to_brand() {
  if (to_brand_) return *to_brand_;
  bool found = answers(plan_->accounts);
  if (!found && !plan_->accounts.empty()) {
    if (mention_->mentions) {
      for (const Person& person : *mention_->mentions) {
        fold_into(scratch_, without_at(person.handle));
        found = found || plan_->accounts.holds(mention_->network, person.id, scratch_);
      }
    }
    for (const Word& word : cut_->words()) {
      found = found || (word.kind == WordKind::Handle &&
                        plan_->accounts.holds(mention_->network, {}, word.folded));
    }
  }
  to_brand_ = found;
  return found;
}

bool Facts::mentions(std::string_view handle) {
  if (!mention_->mentions) {
    return std::ranges::any_of(cut_->words(), [&](const Word& word) {
      return word.kind == WordKind::Handle && word.folded == handle;
    });
  }
  return std::ranges::any_of(*mention_->mentions, [&](const Person& person) {
    fold_into(scratch_, without_at(person.handle));
    return scratch_ == handle;
  });
}

bool Facts::links_to(const Field& field) {
  if (!has_links_) {
    links_.clear();
    for (const std::string& link : verdict_->links) links_.push_back(split_url(link));
    has_links_ = true;
  }
  return std::ranges::any_of(links_,
                             [&](const HostPath& link) { return contains_path(link, field); });
}

bool Facts::is_new() {
  if (!new_) new_ = is_new_author_ != nullptr && *is_new_author_ && (*is_new_author_)(*mention_);
  return *new_;
}

bool Facts::any_tag(RuleKind kind) const {
  switch (kind) {
    case RuleKind::Theme:
      return !verdict_->themes.empty();
    case RuleKind::Campaign:
      return !verdict_->campaigns.empty();
    case RuleKind::Competitor:
      return !verdict_->competitors.empty();
    case RuleKind::Brand:
      return verdict_->brand;
  }
  return false;
}

bool Facts::number(const Field& field) const {
  const Engagement& counts = mention_->engagement;
  const std::optional<std::int64_t>& value = field.what == What::Followers
                                                 ? mention_->author.followers
                                             : field.what == What::Likes   ? counts.likes
                                             : field.what == What::Replies ? counts.replies
                                             : field.what == What::Shares  ? counts.shares
                                             : field.what == What::Views   ? counts.views
                                                                           : counts.clicks;
  if (!value) return false;
  switch (field.compare) {
    case Compare::Less:
      return *value < field.number;
    case Compare::LessEqual:
      return *value <= field.number;
    case Compare::Equal:
      return *value == field.number;
    case Compare::GreaterEqual:
      return *value >= field.number;
    case Compare::Greater:
      return *value > field.number;
  }
  return false;
}

bool Facts::holds(const Field& field) {
  const Mention& mention = *mention_;
  switch (field.what) {
    case What::AuthorHandle:
      return folded_author() == field.value;
    case What::AuthorId:
      return mention.author.id == field.value;
    case What::AuthorNew:
      return is_new();
    case What::AuthorBrand:
      return by(plan_->accounts);
    case What::AuthorAmbassador:
      return by(plan_->ambassadors);
    case What::AuthorList:
      return by(plan_->lists[field.index]);
    case What::ToBrand:
      return to_brand();
    case What::Mentions:
      return mentions(field.value);
    case What::ReplyTo:
      return mention.in_reply_to_author && folded_parent() == field.value;
    case What::Conversation:
      return mention.conversation_id == field.value;
    case What::Network:
      return mention.network == field.value;
    case What::IsKind:
      return mention.kind == field.mention_kind;
    case What::Lang:
      fold_into(scratch_, mention.lang);
      return scratch_.starts_with(field.value) &&
             (scratch_.size() == field.value.size() || scratch_[field.value.size()] == '-');
    case What::Country:
    case What::City:
      if (!mention.place) return false;
      fold_into(scratch_, field.what == What::City ? mention.place->city : mention.place->country);
      return scratch_ == field.value;
    case What::Url:
      return links_to(field);
    case What::Site:
      return !mention.url.empty() && contains_path(split_url(mention.url), field);
    case What::Question:
      return verdict_->question;
    case What::IsBrand:
      return verdict_->brand || to_brand();
    case What::Verified:
      return mention.author.verified.value_or(false);
    case What::HasLink:
      return !verdict_->links.empty();
    case What::HasMedia:
      return !mention.media.empty();
    case What::HasPlace:
      return is_told(mention.place);
    case What::Tag:
      return (*tags_)[field.index] != 0;
    case What::AnyTag:
      return any_tag(field.kind);
    default:
      return number(field);
  }
}

}  // namespace vigie
