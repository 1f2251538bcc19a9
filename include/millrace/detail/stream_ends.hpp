#pragma once

#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/experimental/channel_error.hpp>
#include <asio/experimental/concurrent_channel.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <concepts>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

// Where a stream takes its items from, and where it puts its results: a channel or a callable.
namespace millrace::detail {

template <class T>
struct channel_traits {
  static constexpr bool is_channel = false;
};
template <class Executor, class Traits, class T>
struct channel_traits<
    asio::experimental::basic_channel<Executor, Traits, void(std::error_code, T)>> {
  static constexpr bool is_channel = true;
  using item = T;
};
template <class Executor, class Traits, class T>
struct channel_traits<
    asio::experimental::basic_concurrent_channel<Executor, Traits, void(std::error_code, T)>> {
  static constexpr bool is_channel = true;
  using item = T;
};

// A channel that can be borrowed: what is handed on is an lvalue.
template <class T>
concept Channel =
    std::is_lvalue_reference_v<T> && channel_traits<std::remove_reference_t<T>>::is_channel;

template <class T>
struct awaited {};
template <class T>
struct awaited<asio::awaitable<T>> {
  using type = T;
};
template <class T>
struct awaited<asio::awaitable<std::optional<T>>> {
  using type = std::optional<T>;
  using item = T;
};

template <class T>
concept SourceCallable =
    std::move_constructible<std::decay_t<T>> && std::invocable<std::decay_t<T>&> &&
    requires { typename awaited<std::invoke_result_t<std::decay_t<T>&>>::item; };

template <class T>
concept Source = Channel<T> || SourceCallable<T>;

// --- Sources: take() is the next item, or nothing at the end ---

template <class S>
class source {
 public:
  using item = typename awaited<std::invoke_result_t<S&>>::item;

  explicit source(S&& callable) : callable_(std::move(callable)) {}
  explicit source(const S& callable) : callable_(callable) {}

  asio::awaitable<std::optional<item>> take() { return callable_(); }

 private:
  S callable_;
};

template <Channel S>
class source<S> {
 public:
  using item = typename channel_traits<std::remove_reference_t<S>>::item;

  explicit source(S channel) : channel_(&channel) {}

  asio::awaitable<std::optional<item>> take() {
    std::error_code error;
    item taken = co_await channel_->async_receive(asio::redirect_error(asio::use_awaitable, error));
    if (!error) co_return std::optional<item>(std::move(taken));
    if (error == asio::experimental::error::channel_closed || error == asio::error::eof) {
      co_return std::nullopt;
    }
    // A channel has its own word for it.
    if (error == asio::experimental::error::channel_cancelled) {
      error = asio::error::operation_aborted;
    }
    throw std::system_error(error);
  }

 private:
  std::remove_reference_t<S>* channel_;
};

// What to keep of a source or sink that was handed over as a T&&.
template <class T>
using kept = std::conditional_t<Channel<T>, T, std::decay_t<T>>;

template <Source T>
using source_of = source<kept<T>>;

// --- Sinks: put(result) returns nothing, or an awaitable ---

template <class S>
class sink {
 public:
  explicit sink(S&& callable) : callable_(std::move(callable)) {}
  explicit sink(const S& callable) : callable_(callable) {}

  template <class R>
  decltype(auto) put(R&& result) {
    return callable_(std::forward<R>(result));
  }

 private:
  S callable_;
};

template <Channel S>
class sink<S> {
 public:
  explicit sink(S channel) : channel_(&channel) {}

  template <class R>
  asio::awaitable<void> put(R&& result) {
    return channel_->async_send(std::error_code(), std::forward<R>(result), asio::use_awaitable);
  }

 private:
  std::remove_reference_t<S>* channel_;
};

template <class T>
using sink_of = sink<kept<T>>;

template <class T, class Result>
concept CallableSinkFor =
    std::move_constructible<std::decay_t<T>> && std::invocable<std::decay_t<T>&, Result&&> &&
    (std::is_void_v<std::invoke_result_t<std::decay_t<T>&, Result&&>> ||
     std::same_as<std::invoke_result_t<std::decay_t<T>&, Result&&>, asio::awaitable<void>>);

template <class T>
struct channel_item {};
template <Channel T>
struct channel_item<T> {
  using type = typename channel_traits<std::remove_reference_t<T>>::item;
};

template <class T, class Result>
concept SinkFor = CallableSinkFor<T, Result> ||
                  (Channel<T> && std::convertible_to<Result&&, typename channel_item<T>::type>);

}  // namespace millrace::detail
