// The downloads of S3Client.
#include <algorithm>
#include <charconv>
#include <limits>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "aws/content_range.hpp"
#include "aws/s3_client.hpp"
#include "io/error.hpp"
#include "io/side_by_side.hpp"

namespace lambda::aws {
namespace {

std::optional<std::size_t> content_length(const HttpHeaders& headers) {
  const auto text = headers.get("Content-Length");
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return length;
}

}  // namespace

struct S3Client::Download {
  io::S3Object object;
  std::string subject;
  OnPart on_part;
  std::shared_ptr<io::Bytes> bytes;
  std::string etag;
  std::size_t first_size = 0;  // of the first part, which is all if the server ignores ranges
  std::vector<bool> arrived;   // by part
  std::size_t told = 0;        // parts

  [[nodiscard]] std::size_t begin_of(std::size_t index, std::size_t part_size) const {
    return index == 0 ? 0 : std::min(first_size + (index - 1) * part_size, bytes->size());
  }

  void allocate(std::uint64_t size) {
    try {
      if (size > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();
      bytes = std::make_shared<io::Bytes>(static_cast<std::size_t>(size));
    } catch (const std::bad_alloc&) {
      throw io::Error{subject + ": " + std::to_string(size) + " bytes don't fit into memory"};
    }
  }

  void part_arrived(std::size_t index, std::size_t part_size) {
    arrived[index] = true;
    while (told < arrived.size() && arrived[told]) {
      const std::size_t begin = begin_of(told, part_size);
      const std::size_t end = begin_of(++told, part_size);
      if (on_part) on_part({bytes, begin, bytes->view().substr(begin, end - begin)});
    }
  }
};

asio::awaitable<std::shared_ptr<io::Bytes>> S3Client::download(io::S3Object object,
                                                               OnPart on_part) {
  Download download;
  download.subject = to_string(object);
  download.object = std::move(object);
  download.on_part = std::move(on_part);
  co_await first_part(download);
  const std::size_t size = download.bytes->size();
  if (size == 0) co_return download.bytes;
  const std::size_t others =
      (size - download.first_size + options_.part_size - 1) / options_.part_size;
  download.arrived.resize(1 + others);
  download.part_arrived(0, options_.part_size);
  auto each = [this, &download](std::size_t index) { return next_part(download, index + 1); };
  co_await io::side_by_side(others, options_.parts_at_once, std::move(each));
  co_return download.bytes;
}

asio::awaitable<void> S3Client::first_part(Download& download) {
  ApiRequest get = request("GET", download.object);
  get.headers.add("Range", range_header(0, options_.part_size - 1));
  std::size_t expected = 0;
  const auto expected_of = [&](const HttpResponse& head) -> std::optional<std::uint64_t> {
    // A server that knows no ranges, or no longer cares for one that covers everything.
    if (head.status == 200) return content_length(head.headers);
    const auto range = parse_content_range(head.headers.get("Content-Range"));
    if (head.status != 206 || !range || range->first != 0 ||
        range->last + 1 != std::min<std::uint64_t>(options_.part_size, range->total)) {
      return std::nullopt;
    }
    return range->total;
  };
  get.into = [&](const HttpResponse& head) -> std::optional<std::span<char>> {
    const auto total = expected_of(head);
    if (!total) return std::nullopt;
    if (download.bytes == nullptr || download.bytes->size() != *total) download.allocate(*total);
    expected = head.status == 200 ? download.bytes->size()
                                  : std::min(options_.part_size, download.bytes->size());
    return std::span(download.bytes->data(), expected);
  };
  get.flaw = [&](const HttpResponse& response) -> std::string {
    const auto total = expected_of(response);
    if (!total) {
      return "status " + std::to_string(response.status) +
             " without the size of the object, Content-Range \"" +
             std::string{response.headers.get("Content-Range")} + "\"";
    }
    if (*total == 0) return {};
    if (response.placed == expected) return {};
    return std::to_string(response.placed) + " bytes instead of " + std::to_string(expected);
  };
  const Answer answer = co_await service_.send(get, download.subject);
  if (answer.error && answer.error->status == 416) {
    // No byte is at position 0: the object is empty.
    download.bytes = std::make_shared<io::Bytes>();
    co_return;
  }
  if (answer.error) throw io::Error{download.subject + ": " + to_string(*answer.error)};
  if (download.bytes == nullptr || answer.response.placed == 0) {
    download.bytes = std::make_shared<io::Bytes>();
  }
  download.etag = answer.response.headers.get("ETag");
  download.first_size = answer.response.placed;
}

asio::awaitable<void> S3Client::next_part(Download& download, std::size_t index) {
  const std::size_t begin = download.begin_of(index, options_.part_size);
  const std::size_t end = download.begin_of(index + 1, options_.part_size);
  const ContentRange asked{begin, end - 1, download.bytes->size()};
  ApiRequest get = request("GET", download.object);
  get.headers.add("Range", range_header(asked.first, asked.last));
  if (!download.etag.empty()) get.headers.add("If-Match", download.etag);
  const auto right = [&](const HttpResponse& head) {
    return head.status == 206 && parse_content_range(head.headers.get("Content-Range")) == asked;
  };
  get.into = [&](const HttpResponse& head) -> std::optional<std::span<char>> {
    if (!right(head)) return std::nullopt;
    return std::span(download.bytes->data() + begin, end - begin);
  };
  get.flaw = [&](const HttpResponse& response) -> std::string {
    if (!right(response)) {
      return "status " + std::to_string(response.status) + " with Content-Range \"" +
             std::string{response.headers.get("Content-Range")} + "\" instead of bytes " +
             std::to_string(begin) + '-' + std::to_string(end - 1);
    }
    if (response.placed == end - begin) return {};
    return std::to_string(response.placed) + " bytes instead of " + std::to_string(end - begin);
  };
  const Answer answer = co_await service_.send(get, download.subject);
  if (answer.error && (answer.error->status == 412 || answer.error->status == 416)) {
    throw io::Error{download.subject + ": the object was replaced while it was read"};
  }
  if (answer.error) throw io::Error{download.subject + ": " + to_string(*answer.error)};
  // Without an ETag, or where If-Match is ignored, the total size alone would have to tell.
  if (answer.response.headers.get("ETag") != download.etag) {
    throw io::Error{download.subject + ": the object was replaced while it was read"};
  }
  download.part_arrived(index, options_.part_size);
}

}  // namespace lambda::aws
