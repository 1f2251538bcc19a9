// The downloads of S3Client.
#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
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

constexpr const char* replaced_text = ": the object was replaced while it was read";

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
  std::size_t begun = 1;       // parts, of which one is the first
  std::size_t told = 0;        // parts
  bool laid_out = false;       // the size is known, and with it the parts
  bool replaced = false;       // the first part, asked for again, is of another object
  asio::steady_timer others_may_begin;  // never expires: cancelling it is what ends the wait

  explicit Download(const asio::any_io_executor& executor)
      : others_may_begin(executor, asio::steady_timer::time_point::max()) {}

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

  // With the head of the first part's answer, or after it.
  void lay_out(std::size_t part_size) {
    laid_out = true;
    const std::size_t left = bytes->size() - first_size;
    arrived.resize((first_size > 0 ? 1 : 0) + (left + part_size - 1) / part_size);
  }

  asio::awaitable<void> until_others_may_begin() {
    asio::error_code cancelled;
    co_await others_may_begin.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
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
  Download download{co_await asio::this_coro::executor};
  download.subject = to_string(object);
  download.object = std::move(object);
  download.on_part = std::move(on_part);
  // The first part tells the size before its bytes, so the others needn't wait for those.
  auto lane = [this, &download](std::size_t index) { return some_parts(download, index == 0); };
  const std::size_t lanes = std::max<std::size_t>(options_.parts_at_once, 1);
  co_await io::side_by_side(lanes, lanes, std::move(lane));
  co_return download.bytes;
}

asio::awaitable<void> S3Client::some_parts(Download& download, bool with_first) {
  if (with_first) {
    co_await first_part(download);
  } else if (!download.laid_out) {
    co_await download.until_others_may_begin();
  }
  while (download.begun < download.arrived.size()) co_await next_part(download, download.begun++);
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
    if (download.laid_out) {  // a second try, with other parts under way
      download.replaced = *total != download.bytes->size() || head.status != 206 ||
                          head.headers.get("ETag") != download.etag;
      if (download.replaced) return std::nullopt;
      return std::span(download.bytes->data(), expected);
    }
    if (download.bytes == nullptr || download.bytes->size() != *total) download.allocate(*total);
    expected = head.status == 200 ? download.bytes->size()
                                  : std::min(options_.part_size, download.bytes->size());
    if (head.status == 206 && options_.parts_at_once > 1) {
      download.etag = head.headers.get("ETag");
      download.first_size = expected;
      download.lay_out(options_.part_size);
      download.others_may_begin.cancel();
    }
    return std::span(download.bytes->data(), expected);
  };
  get.flaw = [&](const HttpResponse& response) -> std::string {
    const auto total = expected_of(response);
    if (!total) {
      return "status " + std::to_string(response.status) +
             " without the size of the object, Content-Range \"" +
             std::string{response.headers.get("Content-Range")} + "\"";
    }
    if (*total == 0 || download.replaced) return {};
    if (response.placed == expected) return {};
    return std::to_string(response.placed) + " bytes instead of " + std::to_string(expected);
  };
  const Answer answer = co_await service_.send(get, download.subject);
  const bool is_empty = answer.error && answer.error->status == 416;  // no byte is at position 0
  if (download.replaced || (is_empty && download.laid_out)) {
    throw io::Error{download.subject + replaced_text};
  }
  if (answer.error && !is_empty) {
    throw io::Error{download.subject + ": " + to_string(*answer.error)};
  }
  if (!download.laid_out) {
    if (is_empty || download.bytes == nullptr || answer.response.placed == 0) {
      download.bytes = std::make_shared<io::Bytes>();
    } else {
      download.etag = answer.response.headers.get("ETag");
      download.first_size = answer.response.placed;
    }
    download.lay_out(options_.part_size);
  }
  if (!download.arrived.empty()) download.part_arrived(0, options_.part_size);
  download.others_may_begin.cancel();
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
    throw io::Error{download.subject + replaced_text};
  }
  if (answer.error) throw io::Error{download.subject + ": " + to_string(*answer.error)};
  // Without an ETag, or where If-Match is ignored, the total size alone would have to tell.
  if (answer.response.headers.get("ETag") != download.etag) {
    throw io::Error{download.subject + replaced_text};
  }
  download.part_arrived(index, options_.part_size);
}

}  // namespace lambda::aws
