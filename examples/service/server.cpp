#include "server.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <map>
#include <restinio/asio_timer_manager.hpp>
#include <restinio/http_server.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace service {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// Requests that a client may send ahead on one connection. While fewer are out the connection is
// read on, which is how it is noticed that the client has gone.
constexpr std::size_t most_pipelined = 8;

// A body above the limit is read so far, to be answered 413; beyond it the connection is cut.
constexpr std::size_t read_beyond = 4;

std::string_view reason(int status) {
  static const std::map<int, std::string_view> reasons = {{200, "OK"},
                                                          {400, "Bad Request"},
                                                          {404, "Not Found"},
                                                          {405, "Method Not Allowed"},
                                                          {413, "Payload Too Large"},
                                                          {415, "Unsupported Media Type"},
                                                          {500, "Internal Server Error"},
                                                          {503, "Service Unavailable"},
                                                          {504, "Gateway Timeout"}};
  return reasons.at(status);
}

// RESTinio's acceptor never accepts again once it has met the limit of open files, so it is kept
// away from it. (Its own limit of connections looks at them after the server is gone.)
std::size_t most_connections(int io_threads) {
  constexpr rlim_t for_others = 64;
  constexpr std::size_t most = 10'000;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t files = std::max(limit.rlim_cur, 2 * for_others) - for_others;
  return std::max<std::size_t>(
      1, std::min<std::size_t>(most, files) / static_cast<std::size_t>(io_threads));
}

Reply stopping_reply() {
  Reply reply = error_reply(503, "the service is stopping");
  reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

std::string_view view(restinio::string_view_t text) {
  return {text.data(), text.size()};
}

// One accepted request, until its response is out.
struct Flight {
  restinio::request_handle_t handle;
  Route route = Route::unknown;
  steady_clock::time_point read_at;
  std::string method;
  std::string content_type;
  std::string timeout;
  asio::cancellation_signal client_gone;

  [[nodiscard]] Request request() const {
    const auto& header = handle->header();
    return {
        method, view(header.path()), view(header.query()), content_type, timeout, handle->body(),
        read_at};
  }
};

}  // namespace

class Server::Http {
 public:
  Http(asio::io_context& context, const Options& options, Router& router, Ledger& ledger,
       Live& live)
      : context_(context), options_(options), router_(router), ledger_(ledger), live_(live) {}

  void open(std::uint16_t port) {
    server_.emplace(restinio::external_io_context(context_), [&](auto& settings) {
      settings.address(options_.address)
          .port(port)
          .buffer_size(16 * 1024)
          .read_next_http_message_timelimit(60s)
          .write_http_response_timelimit(60s)
          .handle_request_timeout(1h)  // a job's time is the client's business
          .max_pipelined_requests(most_pipelined)
          .incoming_http_msg_limits(restinio::incoming_http_msg_limits_t{}
                                        .max_url_size(4096)
                                        .max_field_count(100)
                                        .max_field_name_size(256)
                                        .max_field_value_size(8192)
                                        .max_body_size(options_.max_body * read_beyond))
          .connection_state_listener(std::make_shared<Listener>(*this))
          .ip_blocker(std::make_shared<Door>(*this))
          .acceptor_options_setter([shared = options_.io_threads > 1](auto& acceptor) {
            using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
            acceptor.set_option(asio::socket_base::reuse_address(true));
            acceptor.set_option(reuse_port(shared));
          })
          .socket_options_setter([](restinio::socket_options_t& socket) {
            socket.set_option(asio::ip::tcp::no_delay(true));
          })
          .acceptor_post_bind_hook([this](asio::ip::tcp::acceptor& acceptor) {
            port_ = acceptor.local_endpoint().port();
          })
          .request_handler(
              [this](const restinio::request_handle_t& handle) { return accept(handle); });
    });
    server_->open_sync();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

  void stop(std::function<void()> drained) {
    drained_ = std::move(drained);
    stopping_ = true;
    server_->close_sync();
    if (in_flight_ == 0) end();
  }

 private:
  class Listener {
   public:
    explicit Listener(Http& http) : http_(http) {}

    void state_changed(const restinio::connection_state::notice_t& notice) noexcept {
      namespace state = restinio::connection_state;
      const auto id = notice.connection_id();
      if (restinio::holds_alternative<state::accepted_t>(notice.cause())) {
        http_.connections_.try_emplace(id);
      } else if (restinio::holds_alternative<state::closed_t>(notice.cause())) {
        http_.client_gone(id);
      }
    }

   private:
    Http& http_;
  };

  class Door {
   public:
    explicit Door(Http& http) : http_(http), most_(most_connections(http.options_.io_threads)) {}

    restinio::ip_blocker::inspection_result_t inspect(
        const restinio::ip_blocker::incoming_info_t&) noexcept {
      return http_.connections_.size() < most_ ? restinio::ip_blocker::allow()
                                               : restinio::ip_blocker::deny();
    }

   private:
    Http& http_;
    std::size_t most_;
  };

  struct Traits : restinio::traits_t<restinio::asio_timer_manager_t, restinio::null_logger_t,
                                     restinio::details::autodetect_request_handler_type,
                                     restinio::noop_strand_t> {
    using connection_state_listener_t = Listener;
    using ip_blocker_t = Door;
  };

  struct Connection {
    restinio::request_id_t newest = 0;
    bool closing = false;  // an answer says so; what the client has sent after that isn't accepted
    std::set<std::shared_ptr<Flight>> flights;
  };

  restinio::request_handling_status_t accept(const restinio::request_handle_t& handle) {
    Connection& connection = connections_[handle->connection_id()];
    if (connection.closing) return restinio::request_rejected();
    if (ended_) return turn_away(handle, connection);
    connection.newest = handle->request_id();

    auto flight = std::make_shared<Flight>();
    const auto& header = handle->header();
    flight->handle = handle;
    flight->read_at = steady_clock::now();
    flight->method = header.method().c_str();
    flight->route = find_route(view(header.path()));
    flight->content_type = header.get_field_or(restinio::http_field::content_type, std::string{});
    flight->timeout = header.get_field_or("X-Request-Timeout-Ms", std::string{});
    connection.flights.insert(flight);
    ledger_.accepted(flight->route);
    ++in_flight_;

    if (stopping_) {
      answer(flight, stopping_reply());
      return restinio::request_accepted();
    }
    auto done = [this, flight](std::exception_ptr error, Reply reply) {
      answer(flight, error ? error_reply(500, "internal error") : std::move(reply));
    };
    asio::co_spawn(context_, router_.answer(flight->route, flight->request()),
                   asio::bind_cancellation_slot(flight->client_gone.slot(), std::move(done)));
    return restinio::request_accepted();
  }

  void answer(const std::shared_ptr<Flight>& flight, Reply reply) {
    const auto found = connections_.find(flight->handle->connection_id());
    if (found == connections_.end()) return landed(*flight, reply.status, false);
    Connection& connection = found->second;
    connection.flights.erase(flight);

    auto response = flight->handle->create_response(
        {restinio::http_status_code_t{static_cast<std::uint16_t>(reply.status)},
         std::string(reason(reply.status))});
    if (stopping_ && connection.newest == flight->handle->request_id()) {
      connection.closing = true;
      response.connection_close();
    }
    response.append_header_date_field();
    response.append_header("Content-Type", std::move(reply.content_type));
    for (auto& [name, value] : reply.headers) response.append_header(name, std::move(value));
    // What answers HEAD has no body, or the client takes it for the next response.
    if (flight->method != "HEAD") response.set_body(std::move(reply.body));
    response.done([this, flight, status = reply.status](const asio::error_code& error) {
      landed(*flight, status, !error);
    });
  }

  void landed(const Flight& flight, int status, bool written) {
    const auto took = steady_clock::now() - flight.read_at;
    if (written) {
      ledger_.answered(flight.route, status, took);
      if (info(flight.route).computes) live_.record(status, took);
    } else {
      ledger_.gone(flight.route);
    }
    if (--in_flight_ == 0 && stopping_) end();
  }

  // Once. From now on nobody waits for answers to go out.
  void end() {
    if (!std::exchange(ended_, true)) drained_();
  }

  // So what comes now isn't accepted: told so if there is still time.
  static restinio::request_handling_status_t turn_away(const restinio::request_handle_t& handle,
                                                       Connection& connection) {
    connection.closing = true;
    auto response =
        handle->create_response({restinio::http_status_code_t{503}, std::string(reason(503))});
    response.connection_close();
    response.append_header("Content-Type", "application/json");
    response.append_header("Retry-After", "1");
    if (handle->header().method() != restinio::http_method_head()) {
      response.set_body(stopping_reply().body);
    }
    return response.done();
  }

  void client_gone(restinio::connection_id_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    // Out of the map before: what is told may come back here.
    const auto flights = std::move(found->second.flights);
    connections_.erase(found);
    for (const auto& flight : flights) {
      flight->client_gone.emit(asio::cancellation_type::terminal);
    }
  }

  asio::io_context& context_;
  const Options& options_;
  Router& router_;
  Ledger& ledger_;
  Live& live_;
  std::uint16_t port_ = 0;
  std::size_t in_flight_ = 0;
  bool stopping_ = false;
  bool ended_ = false;
  std::function<void()> drained_;
  std::map<restinio::connection_id_t, Connection> connections_;
  std::optional<restinio::http_server_t<Traits>> server_;
};

Server::Server(asio::io_context& context, const Options& options, Router& router, Ledger& ledger,
               Live& live)
    : http_(std::make_unique<Http>(context, options, router, ledger, live)) {}

Server::~Server() = default;

void Server::open(std::uint16_t port) {
  http_->open(port);
}
std::uint16_t Server::port() const {
  return http_->port();
}
void Server::stop(std::function<void()> drained) {
  http_->stop(std::move(drained));
}
std::size_t Server::in_flight() const {
  return http_->in_flight();
}

}  // namespace service
