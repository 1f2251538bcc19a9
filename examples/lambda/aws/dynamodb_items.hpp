/// Items as DynamoDB's requests have them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "io/item_sink.hpp"

namespace lambda::aws {

/// What DynamoDB counts for an item against its limit of 400 KiB: names and texts by their UTF-8
/// bytes, numbers by half of their digits.
[[nodiscard]] std::size_t item_size(const io::Item& item);

/// `{"PutRequest":{"Item":{"PK":{"S":"..."}}}}` for each item, in order, of those with the same key
/// only the last: a batch may not hold a key twice, and between batches there is no order.
///
/// Throws io::Error, one line that begins with `subject`, for an item without one of the key's
/// attributes, with an attribute twice, of more than 400 KiB, or with text that isn't UTF-8.
[[nodiscard]] std::vector<std::string> put_requests(std::span<const io::Item> items,
                                                    std::span<const std::string> key,
                                                    const std::string& subject);

}  // namespace lambda::aws
