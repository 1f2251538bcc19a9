#pragma once

#include "millrace/detail/call.hpp"

namespace millrace::detail {

// execute: the callable, as it is.
template <class F>
using execute_body = once<F>;

}  // namespace millrace::detail
