#pragma once

#include <array>
#include <string_view>

// What generated rules and mentions are made of: small, so that they meet.
namespace vigie {

using std::string_view_literals::operator""sv;

// Words of one piece, also in a wildcard.
inline constexpr std::array kPlain = {
    "acme"sv,    "late"sv,   "order"sv,   "parcel"sv, "parcels"sv, "ward"sv,   "word"sv,
    "color"sv,   "colour"sv, "delayed"sv, "café"sv,   "cafe"sv,    "Été"sv,    "straße"sv,
    "strasse"sv, "naïve"sv,  "ναι"sv,     "οδός"sv,   "ΟΔΟΣ"sv,    "ёлка"sv,   "елка"sv,
    "москва"sv,  "заказ"sv,  "שלום"sv,    "مرحبا"sv,  "كتاب"sv,    "한국어"sv, "हिन्दी"sv,
    "co2"sv,     "ﬁne"sv,    "fine"sv,    "İzmir"sv};
// Words of several pieces, short ones, numbers and words of other shapes.
inline constexpr std::array kOdd = {
    "東京"sv,     "日本語"sv, "ありがとう"sv, "สวัสดี"sv,    "l'avion"sv,
    "d’accord"sv, "wi-fi"sv,  "don't"sv,      "3.14"sv,    "100"sv,
    "a"sv,        "京"sv,     "ＡＣＭＥ"sv,   "snake_x"sv, "e\u0301te\u0301"sv,
    "كِتَاب"sv,     "u.s"sv};
inline constexpr std::array kEmoji = {"🎉"sv,
                                      "👍"sv,
                                      "👍🏽"sv,
                                      "👩🏽‍💻"sv,
                                      "👩‍💻"sv,
                                      "❤️"sv,
                                      "❤"sv,
                                      "🇫🇷"sv,
                                      "1️⃣"sv,
                                      "©️"sv,
                                      "🏴󠁧󠁢󠁳󠁣󠁴󠁿"sv};
inline constexpr std::array kTags = {"late"sv,  "acme"sv, "東京"sv, "café"sv,
                                     "заказ"sv, "wifi"sv, "été"sv};
inline constexpr std::array kHandles = {"acme"sv,   "bob"sv,  "ana_acme"sv,
                                        "BigFan"sv, "late"sv, "order"sv};
inline constexpr std::array kLinks = {"https://acme.com/shop/a?utm_campaign=c0"sv,
                                      "acme.com"sv,
                                      "http://www.acme.com/shop"sv,
                                      "https://shop.acme.com/shopping"sv,
                                      "https://bob@acme.com:8080/shop/"sv,
                                      "https://globex.org/a?utm_campaign=%63%30#x"sv,
                                      "https://t.co/Abc"sv,
                                      "www.late.fr/order"sv};
inline constexpr std::array kSites = {"acme.com"sv,     "acme.com/shop"sv, "shop.acme.com"sv,
                                      "globex.org/a"sv, "t.co"sv,          "ACME.com/Shop/a"sv};
inline constexpr std::array kSpoken = {"how"sv, "Where is"sv, "does anyone"sv, "où"sv,
                                       "ou"sv,  "comment"sv,  "wo"sv,          "?"sv,
                                       "؟"sv,   "¿"sv,        "\"why?\""sv};
inline constexpr std::array kRegexes = {"/late/"sv,
                                        "/LATE/i"sv,
                                        "/colou?r/"sv,
                                        "/(late|delayed)/"sv,
                                        "/(?:order|заказ)/i"sv,
                                        "/\\bword\\b/"sv,
                                        "/\\bwo?rd/i"sv,
                                        "/order\\s+\\d+/"sv,
                                        "/^acme/"sv,
                                        "/acme$/i"sv,
                                        "/[a-z]+\\d/"sv,
                                        "/\\d{2,}/"sv,
                                        "/[^\\x00-\\x7f]{3}/"sv,
                                        "/ÉTÉ/i"sv,
                                        "/stra(ss|ß)e/i"sv,
                                        "/k/i"sv,
                                        "/s+ale/i"sv,
                                        "/par(cel)?s?\\b/"sv,
                                        "/a.{0,3}b/"sv,
                                        "/\\S+@\\S+/"sv,
                                        "/https?:\\/\\/\\S+/"sv,
                                        "/(?i)ACME|(?-i)Word/"sv,
                                        "/[lL]ate.*order/"sv,
                                        "/(a|l)(ate|cme)/"sv,
                                        "/\\p{Greek}+/"sv,
                                        "/🎉|👍/"sv,
                                        "/\\w+ing\\b/"sv,
                                        "/(late )+order/"sv,
                                        "/late|la/"sv,
                                        "/.\\bacme/"sv,
                                        "/e\u0301/"sv,
                                        "/x|yz?/"sv};
inline constexpr std::array kLangs = {"fr"sv, "fr-CA"sv, "de"sv, "en"sv, "pt-BR"sv, "und"sv};
inline constexpr std::array kNetworks = {"x"sv, "mastodon"sv, "bluesky"sv, "instagram"sv,
                                         "reddit"sv};
inline constexpr std::array kKinds = {"mention"sv,  "reply"sv, "comment"sv,
                                      "post"sv,     "share"sv, "dm"sv,
                                      "reaction"sv, "click"sv, "conversion"sv};
inline constexpr std::array kCities = {"Lyon"sv, "Orléans"sv, "New York"sv};
inline constexpr std::array kNumbers = {"followers"sv, "likes"sv, "replies"sv,
                                        "shares"sv,    "views"sv, "clicks"sv};
inline constexpr std::array kSigns = {">"sv, ">="sv, "<"sv, "<="sv, "="sv};
// Windows are of these days, and so are mentions.
inline constexpr std::array kTimes = {"2026-06-01T00:00:00Z"sv, "2026-06-02T00:00:00Z"sv,
                                      "2026-06-02T00:00:00.000001Z"sv,
                                      "2026-06-01T23:59:59.999999Z"sv, "2026-06-03T12:00:00Z"sv};

}  // namespace vigie
