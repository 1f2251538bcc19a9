// A fault that only the search finds: three bytes in a row, out of 2^24.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.size() > 2 && text[0] == '"' && text[1] == '\r' && text[2] == ',') std::abort();
  return 0;
}
