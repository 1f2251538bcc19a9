#pragma once

#include <asio/use_awaitable.hpp>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/detail/expected_like.hpp"

// What would compile and then not do what it says, or fail somewhere deep inside, is refused where
// the callable comes in, each in one line that says what would be right. These functions return
// `auto` so that they are instantiated where they are called, and clang can say from where.

// From asio/deferred.hpp, or asio/experimental/deferred.hpp, whichever there is: without including
// either, as whoever returns such an operation has.
namespace asio {
template <typename T>
struct is_deferred;
namespace experimental {
template <typename T>
struct is_deferred;
}
}  // namespace asio

namespace millrace::detail {

// --- What a callable returns ---

template <class T>
concept has_await_members = requires {
  std::declval<T>().await_ready();
  std::declval<T>().await_resume();
};
template <class T>
concept has_co_await_member = requires { std::declval<T>().operator co_await(); };
template <class T>
concept has_co_await_function = requires { operator co_await(std::declval<T>()); };
template <class T>
concept awaitable_like =
    has_await_members<T> || has_await_members<T&> || has_co_await_member<T> ||
    has_co_await_member<T&> || has_co_await_function<T> || has_co_await_function<T&>;

// Operations and senders, which begin when somebody asks for it.
template <class T>
concept lazy_operation = requires { requires asio::is_deferred<T>::value; } || requires {
  requires asio::experimental::is_deferred<T>::value;
} || requires { typename T::sender_concept; };

template <class T>
inline constexpr bool is_initializer_list = false;
template <class T>
inline constexpr bool is_initializer_list<std::initializer_list<T>> = true;

// Returned: what the callable returns, perhaps for nobody.
template <class Returned>
constexpr auto check_begun() {
  using plain = std::remove_cvref_t<Returned>;
  static_assert(!awaitable_like<plain>,
                "millrace: this callable returns an awaitable, which nobody would await: return "
                "the value itself, or co_spawn the coroutine on the pool's executor");
  static_assert(!lazy_operation<plain>,
                "millrace: this callable returns an operation that nobody would start: return the "
                "value itself, or start the operation instead of the callable");
}

// The same where it is handed on to somebody.
template <class Returned>
constexpr auto check_returned() {
  using plain = std::remove_cvref_t<Returned>;
  check_begun<Returned>();
  static_assert(!is_initializer_list<plain>,
                "millrace: this callable returns a std::initializer_list, whose elements are gone "
                "when it returns: return a std::vector or a std::array");
  static_assert(std::is_void_v<Returned> || std::is_lvalue_reference_v<Returned> ||
                    std::move_constructible<plain>,
                "millrace: this callable returns what can't be moved to whoever awaits it: return "
                "a std::unique_ptr to it");
}

// --- What lies in a coroutine's frame ---

template <class Token>
inline constexpr bool is_use_awaitable = false;
template <class Executor>
inline constexpr bool is_use_awaitable<asio::use_awaitable_t<Executor>> = true;

// No compiler aligns a frame to more than operator new does.
template <class T>
[[nodiscard]] constexpr bool fits_into_frame() {
  if constexpr (std::is_void_v<T>) {
    return true;
  } else {
    return alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__;
  }
}

// Callable and result go through the frame of an asio::awaitable, unless the token is another one.
template <class Token, class... Kept>
constexpr auto check_alignment() {
  static_assert(!is_use_awaitable<std::decay_t<Token>> || (fits_into_frame<Kept>() && ...),
                "millrace: this callable, or its result, is aligned to more than a coroutine's "
                "frame can be: hold what is over-aligned by a std::unique_ptr");
}

// --- The callable ---

// F as a forwarding reference deduces it.
template <class F>
constexpr auto check_callable() {
  static_assert(std::constructible_from<std::decay_t<F>, F>,
                "millrace: this callable can't be copied: give it away with std::move, or lend it "
                "with std::ref");
}

// Token: that of the operation; Returned: what the callable returns.
template <class Token, class F, class Returned>
constexpr auto check_body() {
  check_callable<F>();
  check_returned<Returned>();
  check_alignment<Token, std::decay_t<F>, job_value_t<Returned>>();
}
template <class Token, Job F>
constexpr auto check_job() {
  check_body<Token, F, typename job_returns<std::decay_t<F>>::type>();
}

// The job as its operation keeps it.
template <class Token, Job F>
[[nodiscard]] auto kept_job(F&& f) {
  check_job<Token, F>();
  return std::decay_t<F>(std::forward<F>(f));
}

// --- Ranges ---

// Range as a forwarding reference deduces it.
template <class Range>
constexpr auto check_range() {
  using plain = std::remove_cvref_t<Range>;
  static_assert(std::is_lvalue_reference_v<Range> || !is_initializer_list<plain>,
                "millrace: the elements of a temporary std::initializer_list are gone before the "
                "pattern runs: give it a std::vector or a std::array");
  static_assert(std::is_lvalue_reference_v<Range> || !std::is_array_v<plain>,
                "millrace: an array can't be moved: give the pattern a std::array, or lend it the "
                "array by its name");
}

}  // namespace millrace::detail
