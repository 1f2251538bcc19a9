#include "io/side_by_side.hpp"

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <deque>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

namespace lambda::io {
namespace {

using Each = std::function<asio::awaitable<void>(std::size_t)>;

// What the lanes share: each takes the next index until there is none.
struct Lanes {
  std::size_t count = 0;
  std::size_t begun = 0;
  std::size_t ended_well = 0;
  std::size_t running = 0;
  bool stopped = false;
  std::exception_ptr failure;
  Each each;
  std::deque<asio::cancellation_signal> signals;

  void stop() {
    stopped = true;
    for (auto& signal : signals) signal.emit(asio::cancellation_type::terminal);
  }
};

asio::awaitable<void> run_lane(std::shared_ptr<Lanes> lanes) {
  while (!lanes->stopped && lanes->begun < lanes->count) {
    const std::size_t index = lanes->begun++;
    co_await lanes->each(index);
    ++lanes->ended_well;
  }
}

// The awaiting coroutine is inside `handler`. Every lane shares it, so that its frame can't go
// before theirs when the context is destroyed.
template <class Handler>
struct Group : Lanes {
  Group(Lanes lanes, Handler the_handler)
      : Lanes(std::move(lanes)), handler(std::move(the_handler)) {}

  void lane_ended(std::exception_ptr error, const asio::any_io_executor& executor) {
    if (error != nullptr && failure == nullptr) {
      failure = std::move(error);
      stop();
    }
    if (--running > 0) return;
    if (failure == nullptr && ended_well < count) {
      failure = std::make_exception_ptr(std::system_error(asio::error::operation_aborted));
    }
    asio::get_associated_cancellation_slot(handler).clear();
    auto complete = [to = std::move(handler), how = std::move(failure)]() mutable {
      std::move(to)(std::move(how));
    };
    asio::post(executor, std::move(complete));
  }

  Handler handler;
};

template <class Handler>
void start(const asio::any_io_executor& executor, std::size_t width, Lanes lanes, Handler handler) {
  auto group = std::make_shared<Group<Handler>>(std::move(lanes), std::move(handler));
  if (auto slot = asio::get_associated_cancellation_slot(group->handler); slot.is_connected()) {
    slot.assign([weak = std::weak_ptr(group)](asio::cancellation_type) {
      if (const auto alive = weak.lock()) alive->stop();
    });
  }
  group->running = width;
  group->signals.resize(width);
  for (auto& signal : group->signals) {
    auto ended = [group, executor](std::exception_ptr error) {
      group->lane_ended(std::move(error), executor);
    };
    asio::co_spawn(executor, run_lane(group),
                   asio::bind_cancellation_slot(signal.slot(), std::move(ended)));
  }
}

}  // namespace

asio::awaitable<void> side_by_side(std::size_t count, std::size_t width, Each each) {
  if (count == 0) co_return;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Lanes lanes;
  lanes.count = count;
  lanes.each = std::move(each);
  auto initiate = [&](auto handler) {
    start(executor, std::clamp<std::size_t>(width, 1, count), std::move(lanes), std::move(handler));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      std::move(initiate), asio::use_awaitable);
}

}  // namespace lambda::io
