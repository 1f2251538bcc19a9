#include "aws/dynamodb_items.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>

#include "io/error.hpp"
#include "text/utf8.hpp"

namespace lambda::aws {
namespace {

constexpr std::size_t largest_item = std::size_t{400} << 10U;

std::string_view letter_of(io::AttributeType type) {
  return type == io::AttributeType::string ? "S" : "N";
}

// Two digits per byte and one byte for the exponent, one more for a sign.
std::size_t number_size(std::string_view text) {
  const auto exponent = std::min(text.find_first_of("eE"), text.size());
  const auto digits =
      std::count_if(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(exponent),
                    [](char c) { return c >= '0' && c <= '9'; });
  return static_cast<std::size_t>(digits + 1) / 2 + 1 + (text.starts_with('-') ? 1U : 0U);
}

// Unambiguous whatever the values hold.
std::string key_of(const io::Item& item, std::span<const std::string> key,
                   const std::string& subject) {
  std::string text;
  for (const auto& name : key) {
    const auto found = std::find_if(item.begin(), item.end(), [&](const io::Attribute& attribute) {
      return attribute.name == name;
    });
    if (found == item.end()) throw io::Error{subject + ": an item lacks the key " + name};
    text += std::to_string(found->text.size()) + ':' + found->text;
  }
  return text;
}

std::string put_request(const io::Item& item, const std::string& subject) {
  nlohmann::json attributes = nlohmann::json::object();
  for (const auto& [name, type, text] : item) {
    if (attributes.contains(name)) {
      throw io::Error{subject + ": an item has the attribute " + text::printable_excerpt(name) +
                      " twice"};
    }
    if (!text::is_valid_utf8(name) || !text::is_valid_utf8(text)) {
      throw io::Error{subject + ": the attribute " + text::printable_excerpt(name) +
                      " of an item isn't UTF-8"};
    }
    attributes[name] = {{letter_of(type), text}};
  }
  return nlohmann::json{{"PutRequest", {{"Item", std::move(attributes)}}}}.dump();
}

}  // namespace

std::size_t item_size(const io::Item& item) {
  std::size_t size = 0;
  for (const auto& [name, type, text] : item) {
    size += name.size();
    size += type == io::AttributeType::string ? text.size() : number_size(text);
  }
  return size;
}

std::vector<std::string> put_requests(std::span<const io::Item> items,
                                      std::span<const std::string> key,
                                      const std::string& subject) {
  std::unordered_map<std::string, std::size_t> last_of;
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto text = key_of(items[i], key, subject);
    if (const auto size = item_size(items[i]); size > largest_item) {
      throw io::Error{subject + ": the item with the key " + text::printable_excerpt(text) +
                      " has " + std::to_string(size) + " bytes; DynamoDB takes " +
                      std::to_string(largest_item)};
    }
    last_of.insert_or_assign(std::move(text), i);
  }
  std::vector<std::size_t> kept;
  kept.reserve(last_of.size());
  for (const auto& [text, index] : last_of) kept.push_back(index);
  std::sort(kept.begin(), kept.end());
  std::vector<std::string> requests;
  requests.reserve(kept.size());
  for (const auto index : kept) requests.push_back(put_request(items[index], subject));
  return requests;
}

}  // namespace lambda::aws
