#include "bcrypt/handler.hpp"
#include "runtime/runtime.hpp"

int main() {
  return lambda::run(lambda::bcrypt::handle);
}
