// Functions that take the place of glibc's in each bootstrap: those that Amazon Linux 2023's 2.34
// doesn't have and Debian's static libgcc, libstdc++ and libcrypt call, and one that costs time.
// That nothing else from after 2.34 is called, tools/check_package.py makes sure of.

#include <dlfcn.h>
#include <link.h>
#include <sys/random.h>

#include <cstddef>
#include <cstdint>

namespace {

struct Search {
  std::uintptr_t address;
  dl_find_object* result;
};

/// Called with one program or library after the other, until it returns other than 0.
int holds_address(dl_phdr_info* info, std::size_t, void* data) {
  const auto& search = *static_cast<Search*>(data);
  bool holds = false;
  dl_find_object found{};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const std::uintptr_t start = info->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t end = start + segment.p_memsz;
    if (segment.p_type == PT_LOAD && search.address >= start && search.address < end) {
      holds = true;
      found.dlfo_map_start = reinterpret_cast<void*>(start);
      found.dlfo_map_end = reinterpret_cast<void*>(end);
    } else if (segment.p_type == PT_GNU_EH_FRAME) {
      found.dlfo_eh_frame = reinterpret_cast<void*>(start);
    }
  }
  if (!holds || found.dlfo_eh_frame == nullptr) return 0;
  *search.result = found;
  return 1;
}

}  // namespace

extern "C" {

/// Since 2.35. Where the unwinder finds what it needs to know of the code at an address.
int _dl_find_object(void* address, dl_find_object* result) noexcept {
  Search search{reinterpret_cast<std::uintptr_t>(address), result};
  return ::dl_iterate_phdr(&holds_address, &search) == 1 ? 0 : -1;
}

/// Since 2.36. What `std::random_device` draws from.
std::uint32_t arc4random() noexcept {
  std::uint32_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != sizeof value) {
  }
  return value;
}

/// Since 2.36. What libcrypt would draw a salt from that it isn't given.
void arc4random_buf(void* buffer, std::size_t size) noexcept {
  auto* next = static_cast<char*>(buffer);
  while (size > 0) {
    const auto got = ::getrandom(next, size, 0);
    if (got < 0) continue;  // a signal came in between
    next += got;
    size -= static_cast<std::size_t>(got);
  }
}

/// All there is to load is in the program. oneTBB asks for four libraries that may be there (its
/// own allocator, Intel's OpenMP ...), each looked for in a dozen folders before the first event.
void* dlopen(const char*, int) noexcept {
  return nullptr;
}

}  // extern "C"
