// A source and sink of objects without any service.
#pragma once

#include <algorithm>
#include <asio/awaitable.hpp>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "io/error.hpp"
#include "io/object_sink.hpp"
#include "io/object_source.hpp"

namespace test {

// Objects in memory, as S3 has them; tells on which thread it was asked.
struct Objects final : lambda::io::ObjectSource, lambda::io::ObjectSink {
  std::map<std::string, std::string> bytes;
  std::map<std::string, std::string> content_types;
  std::set<std::thread::id> threads;

  asio::awaitable<lambda::io::Bytes> get(std::string location) override {
    threads.insert(std::this_thread::get_id());
    const auto found = bytes.find(location);
    if (found == bytes.end()) throw lambda::io::Error{location + ": no such key"};
    lambda::io::Bytes copy{found->second.size()};
    std::copy(found->second.begin(), found->second.end(), copy.data());
    co_return copy;
  }
  asio::awaitable<void> put(std::string location, std::string_view given,
                            std::string content_type) override {
    threads.insert(std::this_thread::get_id());
    if (location.starts_with("s3://full/")) throw lambda::io::Error{location + ": no space"};
    bytes[location] = given;
    content_types[location] = std::move(content_type);
    co_return;
  }
};

}  // namespace test
