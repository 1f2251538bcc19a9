#include "http/http_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cctype>
#include <exception>
#include <new>
#include <stdexcept>
#include <unordered_map>

#include "http/upload.hpp"

namespace lambda {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

class HttpCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "http"; }

  [[nodiscard]] std::string message(int code) const override {
    return curl_easy_strerror(static_cast<CURLcode>(code));
  }

  [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
    switch (code) {
      case CURLE_OPERATION_TIMEDOUT:
        return std::errc::timed_out;
      case CURLE_COULDNT_CONNECT:
        return std::errc::connection_refused;
      case CURLE_COULDNT_RESOLVE_HOST:
        return std::errc::host_unreachable;
      case CURLE_GOT_NOTHING:
      case CURLE_PARTIAL_FILE:
      case CURLE_SEND_ERROR:
      case CURLE_RECV_ERROR:
        return std::errc::connection_reset;
      case CURLE_WEIRD_SERVER_REPLY:
      case CURLE_UNSUPPORTED_PROTOCOL:  // what curl calls an answer without a status line
        return std::errc::protocol_error;
      case CURLE_PEER_FAILED_VERIFICATION:
        return std::errc::permission_denied;
      default:
        return {code, *this};
    }
  }
};

std::error_code http_error(CURLcode code) {
  return {static_cast<int>(code), http_category()};
}

void initialise_curl() {
  // Once per process and never undone: other code in the process may use curl as well.
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) throw std::system_error(http_error(result), "curl_global_init");
}

/// A curl without TLS doesn't know the name "https".
const char* protocols() {
  static const bool tls = (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_SSL) != 0;
  return tls ? "http,https" : "http";
}

/// The linked list that curl takes headers as.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list_); }

  void add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list_ = longer;
  }

  [[nodiscard]] curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

}  // namespace

const std::error_category& http_category() noexcept {
  static const HttpCategory category;
  return category;
}

std::optional<std::string_view> HttpHeaders::find(std::string_view name) const {
  const auto match = std::find_if(fields_.rbegin(), fields_.rend(), [name](const Field& field) {
    return same_name(field.first, name);
  });
  if (match == fields_.rend()) return std::nullopt;
  return match->second;
}

/// curl's multi handle, with the sockets and the timer that it asks for.
///
/// Curl may not be called from inside its own callbacks, so those only arm waits; what the waits
/// start is always a fresh handler. The handlers hold a `weak_ptr`: after `close` they find
/// nothing to do.
class HttpClient::Multi : public std::enable_shared_from_this<Multi> {
 public:
  Multi(asio::any_io_executor executor, const HttpClientConfig& config)
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

  ~Multi() { close(); }
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  void add(Transfer& transfer);
  void remove(Transfer& transfer);
  void close();

  [[nodiscard]] const HttpClientConfig& config() const { return config_; }
  [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] bool closed() const { return handle_ == nullptr; }

 private:
  struct Cleanup {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
  };

  /// One descriptor that curl has asked us to watch. Curl owns it; we only lend it to the reactor.
  struct Socket {
    Socket(const asio::any_io_executor& executor, curl_socket_t fd)
        : descriptor(executor, fd), number(fd) {}
    ~Socket() { descriptor.release(); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    asio::posix::stream_descriptor descriptor;
    curl_socket_t number;
    int wanted = CURL_POLL_NONE;
    bool reading = false;  // a wait is under way
    bool writing = false;
  };

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept;
  static int on_timer(CURLM*, long timeout_ms, void* self) noexcept;

  void watch(curl_socket_t fd, int what);
  void arm(const std::shared_ptr<Socket>& socket);
  void wait(const std::shared_ptr<Socket>& socket, bool for_writing);
  void act(curl_socket_t fd, int events);
  void collect();

  HttpClientConfig config_;
  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  std::unique_ptr<CURLM, Cleanup> handle_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Socket>> sockets_;
  std::vector<Transfer*> transfers_;
};

/// One request under way: the easy handle, and where its response is gathered.
class HttpClient::Transfer {
 public:
  Transfer(std::shared_ptr<Multi> multi, HttpRequest request);
  ~Transfer() {
    if (request_.upload) request_.upload->detach();
    multi_->remove(*this);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  [[nodiscard]] asio::awaitable<HttpResponse> run();

  void finish(CURLcode result) {
    result_ = result;
    wake_.cancel();
  }
  void abort() { wake_.cancel(); }
  [[nodiscard]] CURL* handle() const { return handle_.get(); }

 private:
  struct Cleanup {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };

  template <class Value>
  void set(CURLoption option, Value value) {
    const CURLcode result = curl_easy_setopt(handle_.get(), option, value);
    if (result != CURLE_OK) throw std::system_error(http_error(result), description());
  }

  void set_connection();
  void set_method_and_body();
  [[nodiscard]] std::string_view body() const {
    return request_.borrowed_body.empty() ? request_.body : request_.borrowed_body;
  }
  void set_upload();
  void end_upload();
  void set_headers();
  void receive(std::string_view bytes);
  [[nodiscard]] int status() const;
  [[nodiscard]] std::string description() const { return request_.method + " " + request_.url; }

  static std::size_t on_header(char* data, std::size_t size, std::size_t count,
                               void* self) noexcept;
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_upload(char* to, std::size_t size, std::size_t count, void* self) noexcept;
  static int on_trailers(curl_slist** list, void* self) noexcept;

  std::shared_ptr<Multi> multi_;
  HttpRequest request_;
  HttpResponse response_;
  HeaderList header_list_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  bool body_began_ = false;
  std::optional<std::span<char>> place_;
  std::exception_ptr failure_;  // of ours, from inside one of curl's callbacks
  // Never expires; cancelling it is how `finish` resumes the coroutine. A cancellation of the
  // coroutine arrives the same way, and `result_` tells one from the other.
  asio::steady_timer wake_;
  std::optional<CURLcode> result_;
  std::unique_ptr<CURL, Cleanup> handle_;
};

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

HttpClient::Transfer::Transfer(std::shared_ptr<Multi> multi, HttpRequest request)
    : multi_(std::move(multi)),
      request_(std::move(request)),
      wake_(multi_->executor(), asio::steady_timer::time_point::max()),
      handle_(curl_easy_init()) {
  if (handle_ == nullptr) throw std::bad_alloc();
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, protocols());
  set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  set(CURLOPT_NOSIGNAL, 1L);
  // Fewer turns of the loop for a body of several megabytes.
  set(CURLOPT_BUFFERSIZE, 256L * 1024);
  set(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
  set_connection();
  if (request_.timeout) {
    // To curl zero means for ever.
    set(CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(request_.timeout->count())));
  }
  set(CURLOPT_ERRORBUFFER, error_text_.data());
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set_method_and_body();
  set_headers();
}

void HttpClient::Transfer::set_connection() {
  const HttpClientConfig& config = multi_->config();
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config.connect_timeout.count()));
  if (config.low_speed_time.count() > 0) {
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(config.low_speed_time.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, config.low_speed);
  }
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!config.ca_bundle.empty()) set(CURLOPT_CAINFO, config.ca_bundle.c_str());
  if (!config.proxy_from_environment) set(CURLOPT_PROXY, "");
  // A key such as "a/../b" is a name, not a way.
  set(CURLOPT_PATH_AS_IS, 1L);
}

void HttpClient::Transfer::set_method_and_body() {
  if (request_.upload) {
    set_upload();
  } else if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request_.method == "GET" && body().empty()) {
    set(CURLOPT_HTTPGET, 1L);
  } else {
    // Also for PUT and DELETE: POSTFIELDS lets curl rewind the body when it has to send it again
    // because the server has closed a kept connection.
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body().size()));
    set(CURLOPT_POSTFIELDS, body().data() == nullptr ? "" : body().data());
    if (request_.method != "POST") set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

void HttpClient::Transfer::set_upload() {
  set(CURLOPT_POST, 1L);
  if (request_.method != "POST") set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  header_list_.add("Transfer-Encoding: chunked");
  set(CURLOPT_READFUNCTION, &Transfer::on_upload);
  set(CURLOPT_READDATA, this);
  set(CURLOPT_TRAILERFUNCTION, &Transfer::on_trailers);
  set(CURLOPT_TRAILERDATA, this);
  // From a coroutine that writes, never from inside a callback of curl's.
  request_.upload->attach([this] {
    if (!result_ && !multi_->closed()) curl_easy_pause(handle_.get(), CURLPAUSE_CONT);
  });
}

std::size_t HttpClient::Transfer::on_upload(char* to, std::size_t size, std::size_t count,
                                            void* self) noexcept {
  return static_cast<Transfer*>(self)
      ->request_.upload->take(to, size * count)
      .value_or(CURL_READFUNC_PAUSE);
}

int HttpClient::Transfer::on_trailers(curl_slist** list, void* self) noexcept {
  for (const auto& [name, value] : static_cast<Transfer*>(self)->request_.upload->trailers()) {
    curl_slist* longer = nullptr;
    try {
      longer = curl_slist_append(*list, (name + ": " + value).c_str());
    } catch (const std::bad_alloc&) {
      return CURL_TRAILERFUNC_ABORT;
    }
    if (longer == nullptr) return CURL_TRAILERFUNC_ABORT;
    *list = longer;  // curl frees it
  }
  return CURL_TRAILERFUNC_OK;
}

void HttpClient::Transfer::end_upload() {
  if (!request_.upload) return;
  std::string why = description() + ": the request has ended";
  if (result_ == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    why += ", answered " + std::to_string(status);
  } else if (error_text_.front() != '\0') {
    why += std::string(", ") + error_text_.data();
  }
  request_.upload->close(std::make_exception_ptr(
      std::system_error(std::make_error_code(std::errc::broken_pipe), why)));
}

void HttpClient::Transfer::set_headers() {
  // Without a server that answers "100 Continue", curl would wait a second before each big body.
  header_list_.add("Expect:");
  if (!request_.headers.find("Content-Type")) header_list_.add("Content-Type:");
  for (const auto& [name, value] : request_.headers) {
    if ((name + value).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw std::invalid_argument("line break in HTTP header " + name);
    }
    header_list_.add(value.empty() ? name + ";" : name + ": " + value);
  }
  set(CURLOPT_HTTPHEADER, header_list_.get());
}

std::size_t HttpClient::Transfer::on_header(char* data, std::size_t size, std::size_t count,
                                            void* self) noexcept {
  try {
    HttpHeaders& headers = static_cast<Transfer*>(self)->response_.headers;
    std::string_view line(data, size * count);
    if (line.starts_with("HTTP/")) {
      headers.clear();  // an interim response came before this one
      return size * count;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return size * count;
    std::string_view value = line.substr(colon + 1);
    constexpr std::string_view blank = " \t\r\n";
    value.remove_prefix(std::min(value.find_first_not_of(blank), value.size()));
    value.remove_suffix(value.size() - (value.find_last_not_of(blank) + 1));
    headers.add(std::string(line.substr(0, colon)), std::string(value));
    return size * count;
  } catch (...) {
    return 0;  // curl ends the transfer with CURLE_WRITE_ERROR
  }
}

std::size_t HttpClient::Transfer::on_body(char* data, std::size_t size, std::size_t count,
                                          void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    transfer.receive({data, size * count});
    return size * count;
  } catch (...) {
    transfer.failure_ = std::current_exception();
    return 0;
  }
}

void HttpClient::Transfer::receive(std::string_view bytes) {
  if (!std::exchange(body_began_, true) && request_.into) {
    response_.status = status();
    place_ = request_.into(response_);
  }
  if (!place_) {
    response_.body.append(bytes);
    return;
  }
  if (bytes.size() > place_->size() - response_.placed) {
    throw std::system_error(std::make_error_code(std::errc::message_size),
                            description() + ": the body has more than the expected " +
                                std::to_string(place_->size()) + " bytes");
  }
  std::copy(bytes.begin(), bytes.end(),
            place_->begin() + static_cast<std::ptrdiff_t>(response_.placed));
  response_.placed += bytes.size();
}

int HttpClient::Transfer::status() const {
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

asio::awaitable<HttpResponse> HttpClient::Transfer::run() {
  if (multi_->closed()) throw std::system_error(asio::error::operation_aborted, description());
  multi_->add(*this);
  std::error_code ignored;
  co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  end_upload();
  if (!result_) throw std::system_error(asio::error::operation_aborted, description());
  if (failure_) std::rethrow_exception(failure_);
  if (*result_ != CURLE_OK) {
    std::string what = description();
    if (error_text_.front() != '\0') what += std::string(": ") + error_text_.data();
    throw std::system_error(http_error(*result_), what);
  }
  response_.status = status();
  co_return std::move(response_);
}

HttpClient::HttpClient(asio::any_io_executor executor, HttpClientConfig config)
    : multi_(std::make_shared<Multi>(std::move(executor), config)) {}

HttpClient::~HttpClient() {
  multi_->close();
}

asio::awaitable<HttpResponse> HttpClient::send(HttpRequest request) {
  // The shared_ptr, not `this`: the frame may be destroyed after the client.
  Transfer transfer(multi_, std::move(request));
  co_return co_await transfer.run();
}

}  // namespace lambda
