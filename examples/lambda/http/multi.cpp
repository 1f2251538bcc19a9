#include "http/multi.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <chrono>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "http/curl_error.hpp"
#include "http/transfer.hpp"

namespace lambda {
namespace {

void initialise_curl() {
  // Once per process and never undone: other code in the process may use curl as well.
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) throw std::system_error(http_error(result), "curl_global_init");
}

}  // namespace

HttpClient::Multi::Multi(asio::any_io_executor executor, const HttpClientConfig& config)
    : config_(config), executor_(std::move(executor)), timer_(executor_) {
  initialise_curl();
  handle_.reset(curl_multi_init());
  if (handle_ == nullptr) throw std::bad_alloc();
  curl_multi_setopt(handle_.get(), CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
  curl_multi_setopt(handle_.get(), CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(handle_.get(), CURLMOPT_TIMERFUNCTION, &Multi::on_timer);
  curl_multi_setopt(handle_.get(), CURLMOPT_TIMERDATA, this);
  if (config_.max_connections_per_host > 0) {
    curl_multi_setopt(handle_.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                      config_.max_connections_per_host);
    // By default curl keeps four connections per transfer under way, so one transfer after many
    // at a time would close most of them.
    curl_multi_setopt(handle_.get(), CURLMOPT_MAXCONNECTS, 2 * config_.max_connections_per_host);
  }
}

void HttpClient::Multi::add(Transfer& transfer) {
  transfers_.push_back(&transfer);
  const CURLMcode code = curl_multi_add_handle(handle_.get(), transfer.handle());
  if (code != CURLM_OK) {
    transfers_.pop_back();
    throw std::runtime_error(std::string("curl: ") + curl_multi_strerror(code));
  }
}

void HttpClient::Multi::remove(Transfer& transfer) {
  const auto place = std::find(transfers_.begin(), transfers_.end(), &transfer);
  if (place == transfers_.end()) return;
  transfers_.erase(place);
  curl_multi_remove_handle(handle_.get(), transfer.handle());
}

void HttpClient::Multi::close() {
  if (closed()) return;
  while (!transfers_.empty()) {
    Transfer& transfer = *transfers_.back();
    remove(transfer);
    transfer.abort();
  }
  handle_.reset();  // closes the kept connections; curl tells us to let go of each one first
  sockets_.clear();
  timer_.cancel();
}

int HttpClient::Multi::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept {
  try {
    static_cast<Multi*>(self)->watch(fd, what);
    return 0;
  } catch (...) {
    return -1;  // out of memory or descriptors: curl fails the transfers of this multi handle
  }
}

void HttpClient::Multi::watch(curl_socket_t fd, int what) {
  if (what == CURL_POLL_REMOVE) {
    // At once: curl may close the number and get the same one back for its next connection,
    // which the reactor refuses while the old registration stands. Not by the destructor: a handler
    // that is calling curl right now still holds the socket, and would end the new registration.
    if (const auto old = sockets_.find(fd); old != sockets_.end()) {
      old->second->descriptor.release();
      sockets_.erase(old);
    }
    return;
  }
  auto& socket = sockets_[fd];
  if (socket == nullptr) {
    // Not made in CURLOPT_OPENSOCKETFUNCTION: some of curl's descriptors (its resolver's) never
    // pass there.
    socket = std::make_shared<Socket>(executor_, fd);
  }
  socket->wanted = what;
  arm(socket);
}

void HttpClient::Multi::arm(const std::shared_ptr<Socket>& socket) {
  if ((socket->wanted & CURL_POLL_IN) != 0 && !socket->reading) wait(socket, false);
  if ((socket->wanted & CURL_POLL_OUT) != 0 && !socket->writing) wait(socket, true);
}

void HttpClient::Multi::wait(const std::shared_ptr<Socket>& socket, bool for_writing) {
  bool Socket::* const under_way = for_writing ? &Socket::writing : &Socket::reading;
  (*socket).*under_way = true;
  socket->descriptor.async_wait(
      for_writing ? asio::posix::descriptor_base::wait_write
                  : asio::posix::descriptor_base::wait_read,
      [weak = weak_from_this(), watched = std::weak_ptr(socket), under_way,
       for_writing](const std::error_code& error) {
        const auto self = weak.lock();
        const auto ready = watched.lock();
        if (self == nullptr || ready == nullptr || error == asio::error::operation_aborted) return;
        (*ready).*under_way = false;
        const int wanted = for_writing ? CURL_POLL_OUT : CURL_POLL_IN;
        if ((ready->wanted & wanted) == 0) return;  // curl changed its mind meanwhile
        const int events = for_writing ? CURL_CSELECT_OUT : CURL_CSELECT_IN;
        self->act(ready->number, error ? CURL_CSELECT_ERR : events);
        // The wait was for one event. Curl calls on_socket only when its wish changes, so as long
        // as this very socket is still watched we ask again.
        const auto place = self->sockets_.find(ready->number);
        if (place != self->sockets_.end() && place->second == ready) self->arm(ready);
      });
}

int HttpClient::Multi::on_timer(CURLM*, long timeout_ms, void* self) noexcept {
  auto& multi = *static_cast<Multi*>(self);
  try {
    if (timeout_ms < 0) {
      multi.timer_.cancel();
      return 0;
    }
    multi.timer_.expires_after(std::chrono::milliseconds(timeout_ms));
    multi.timer_.async_wait([weak = multi.weak_from_this()](const std::error_code& error) {
      const auto alive = weak.lock();
      // A timer that fired before it was set anew is harmless: curl checks its own clock.
      if (alive != nullptr && !error) alive->act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
  } catch (...) {
    return -1;
  }
}

void HttpClient::Multi::act(curl_socket_t fd, int events) {
  if (closed()) return;
  int running = 0;
  curl_multi_socket_action(handle_.get(), fd, events, &running);
  collect();
}

void HttpClient::Multi::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(handle_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode result = message->data.result;
    const auto place = std::find_if(transfers_.begin(), transfers_.end(), [&](const Transfer* t) {
      return t->handle() == message->easy_handle;
    });
    if (place == transfers_.end()) continue;
    Transfer& transfer = **place;
    remove(transfer);  // `message` is gone after this
    transfer.finish(result);
  }
}

}  // namespace lambda
