#include "http/upload.hpp"

#include <algorithm>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cstring>
#include <system_error>
#include <utility>

namespace lambda {

HttpUpload::HttpUpload(const asio::any_io_executor& executor, std::size_t capacity)
    : capacity_(std::max<std::size_t>(capacity, 1)),
      room_(executor, asio::steady_timer::time_point::max()) {}

asio::awaitable<void> HttpUpload::write(std::string_view bytes) {
  for (;;) {
    if (closed_) std::rethrow_exception(closed_);
    const std::size_t room = capacity_ - std::min(capacity_, buffer_.size() - taken_);
    const std::string_view part = bytes.substr(0, room);
    if (!part.empty()) {
      if (buffer_.size() + part.size() > capacity_) {
        buffer_.erase(0, taken_);
        taken_ = 0;
      }
      buffer_.append(part);
      size_ += part.size();
      bytes.remove_prefix(part.size());
      wake_request();
    }
    if (bytes.empty()) co_return;

    // `take` and `close` end the wait by cancelling the timer, and so does who cancels this write.
    std::error_code ignored;
    co_await room_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw std::system_error(asio::error::operation_aborted, "write");
    }
  }
}

void HttpUpload::finish(HttpHeaders trailers) {
  trailers_ = std::move(trailers);
  finished_ = true;
  wake_request();
}

std::optional<std::size_t> HttpUpload::take(char* to, std::size_t most) {
  const std::size_t size = std::min(most, buffer_.size() - taken_);
  if (size == 0) {
    if (finished_) return 0;
    starved_ = true;
    return std::nullopt;
  }
  begun_ = true;
  std::memcpy(to, buffer_.data() + taken_, size);
  taken_ += size;
  if (taken_ == buffer_.size()) {
    buffer_.clear();
    taken_ = 0;
  }
  room_.cancel();
  return size;
}

void HttpUpload::close(std::exception_ptr why) {
  closed_ = std::move(why);
  ready_ = nullptr;
  room_.cancel();
}

void HttpUpload::wake_request() {
  if (!std::exchange(starved_, false) || !ready_) return;
  ready_();
}

}  // namespace lambda
