#include "server.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <restinio/http_server.hpp>
#include <restinio/null_timer_manager.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lambda::local {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view runtime_prefix = "/2018-06-01/runtime/";
constexpr std::string_view extension_prefix = "/2020-01-01/extension/";
constexpr std::string_view invoke_path = "/2015-03-31/functions/function/invocations";

restinio::http_status_line_t status_line(int status) {
  static const std::map<int, std::string> reasons = {
      {200, "OK"},          {202, "Accepted"},           {204, "No Content"},
      {400, "Bad Request"}, {403, "Forbidden"},          {404, "Not Found"},
      {410, "Gone"},        {405, "Method Not Allowed"}, {413, "Payload Too Large"}};
  return {restinio::http_status_code_t{static_cast<std::uint16_t>(status)}, reasons.at(status)};
}

restinio::request_handling_status_t send(restinio::request_t& request, int status,
                                         const Headers& headers, std::string body) {
  auto response = request.create_response(status_line(status));
  for (const auto& [name, value] : headers) response.append_header(name, value);
  if (status != 204) {
    if (!response.header().has_field("Content-Type")) {
      response.append_header("Content-Type", "application/json");
    }
    response.set_body(std::move(body));
  }
  return response.done();
}

/// A response whose connection is closed before its body's end, which is how a caller learns that
/// something went wrong after the status.
void send_cut_short(restinio::request_t& request, const Headers& headers, std::string body) {
  auto response = request.create_response<restinio::user_controlled_output_t>(status_line(200));
  for (const auto& [name, value] : headers) response.append_header(name, value);
  response.connection_close();
  response.set_content_length(body.size() + 1);
  response.set_body(std::move(body));
  response.done();
}

restinio::request_handling_status_t send_error(restinio::request_t& request, int status,
                                               const std::string& type,
                                               const std::string& message) {
  const nlohmann::json body = {{"errorType", type}, {"errorMessage", message}};
  return send(request, status, {}, body.dump());
}

/// A header's value; nothing that could end the header early when it is passed on.
std::string header(const restinio::request_t& request, const std::string& name) {
  return request.header().get_field_or(name, std::string{});
}

std::string decoded_base64(std::string_view text) {
  std::string result;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto value = digits.find(c);
    if (value == std::string_view::npos) break;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    if ((count += 6) >= 8) {
      count -= 8;
      result += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xFFU);
    }
  }
  return result;
}

std::string printable_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

}  // namespace

class Server::Http {
 public:
  Http(asio::io_context& context, std::uint16_t port, InvocationQueue& queue, ServerHooks hooks)
      : queue_(queue),
        hooks_(std::move(hooks)),
        server_(restinio::external_io_context(context), [&](auto& settings) {
          settings.address("127.0.0.1")
              .port(port)
              .buffer_size(64 * 1024)
              // So that it goes on reading while an answer is pending, and sees the end of the
              // connection of a process that has died.
              .max_pipelined_requests(2)
              .incoming_http_msg_limits(restinio::incoming_http_msg_limits_t{}
                                            .max_url_size(4096)
                                            .max_field_count(200)
                                            .max_field_value_size(64 * 1024)
                                            .max_body_size(most_streamed_bytes + 1))
              .connection_state_listener(std::make_shared<Listener>(*this))
              .acceptor_options_setter([](restinio::acceptor_options_t& options) {
                options.set_option(asio::socket_base::reuse_address(true));
              })
              .acceptor_post_bind_hook([this](asio::ip::tcp::acceptor& acceptor) {
                port_ = acceptor.local_endpoint().port();
              })
              .request_handler([this](const restinio::request_handle_t& request) {
                const auto result = route(request);
                hooks_.changed();
                return result;
              });
        }) {}

  void open() { server_.open_sync(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] bool extension_registered() const { return !extension_.empty(); }
  void disown_connections() {
    last_disowned_ = last_accepted_;
    extension_.clear();
  }

 private:
  class Listener {
   public:
    explicit Listener(Http& http) : http_(http) {}

    void state_changed(const restinio::connection_state::notice_t& notice) noexcept {
      namespace state = restinio::connection_state;
      const auto cause = notice.cause();
      if (restinio::holds_alternative<state::accepted_t>(cause)) {
        http_.last_accepted_ = notice.connection_id();
      } else if (restinio::holds_alternative<state::closed_t>(cause)) {
        http_.queue_.forget_poll(notice.connection_id());
      }
    }

   private:
    Http& http_;
  };

  // One thread, and no time limits: a poll for the next event may wait for hours.
  struct Traits : restinio::traits_t<restinio::null_timer_manager_t, restinio::null_logger_t,
                                     restinio::details::autodetect_request_handler_type,
                                     restinio::noop_strand_t> {
    using connection_state_listener_t = Listener;
  };

  using Handled = restinio::request_handling_status_t;

  Handled route(const restinio::request_handle_t& request) {
    const std::string_view path(request->header().path().data(), request->header().path().size());
    const bool post = request->header().method() == restinio::http_method_post();
    if (path == invoke_path) return post ? invoke(request) : wrong_method(*request);
    if (path.starts_with(extension_prefix)) {
      return extension(request, path.substr(extension_prefix.size()), post);
    }
    if (!path.starts_with(runtime_prefix)) return no_such_path(*request);

    const std::string_view rest = path.substr(runtime_prefix.size());
    if (rest == "invocation/next") {
      return request->header().method() == restinio::http_method_get() ? next(request)
                                                                       : wrong_method(*request);
    }
    if (rest == "init/error") return post ? init_error(*request) : wrong_method(*request);
    constexpr std::string_view invocation = "invocation/";
    const auto slash = rest.rfind('/');
    if (!rest.starts_with(invocation) || slash < invocation.size()) return no_such_path(*request);
    const std::string_view id = rest.substr(invocation.size(), slash - invocation.size());
    const std::string_view kind = rest.substr(slash + 1);
    if (kind != "response" && kind != "error") return no_such_path(*request);
    return post ? reply(*request, id, kind == "response") : wrong_method(*request);
  }

  static Handled no_such_path(restinio::request_t& request) {
    return send_error(request, 404, "ResourceNotFoundException",
                      "nothing at " + std::string(request.header().path()));
  }

  static Handled wrong_method(restinio::request_t& request) {
    return send_error(request, 405, "InvalidMethod", "wrong method");
  }

  Handled invoke(const restinio::request_handle_t& request) {
    const std::string type = header(*request, "X-Amz-Invocation-Type");
    if (!type.empty() && type != "RequestResponse") {
      return send_error(*request, 400, "InvalidParameterValueException",
                        "only synchronous invocations (RequestResponse) are served here");
    }
    if (request->body().size() > most_event_bytes) {
      return send_error(*request, 413, "RequestTooLargeException",
                        "Request must be smaller than " + std::to_string(most_event_bytes) +
                            " bytes for the InvokeFunction operation");
    }
    Submission submission;
    submission.event = request->body().empty() ? "{}" : request->body();
    submission.client_context =
        printable_line(decoded_base64(header(*request, "X-Amz-Client-Context")));
    submission.trace_id = header(*request, "X-Amzn-Trace-Id");
    if (submission.trace_id.empty()) submission.trace_id = new_trace_id();
    submission.answer = [request](const Answer& answer) {
      Headers headers = {{"X-Amzn-RequestId", answer.request_id},
                         {"X-Amz-Executed-Version", "$LATEST"},
                         {"Content-Type", answer.content_type}};
      if (answer.cut_short) {
        send_cut_short(*request, headers, answer.body);
        return;
      }
      if (answer.function_error) headers.emplace_back("X-Amz-Function-Error", "Unhandled");
      send(*request, 200, headers, answer.body);
    };
    queue_.submit(std::move(submission), Clock::now());
    return restinio::request_accepted();
  }

  static std::string new_trace_id() {
    std::string hex;
    for (const char c : make_uuid()) {
      if (c != '-') hex += c;
    }
    return "Root=1-" + hex.substr(0, 8) + "-" + hex.substr(8) + ";Parent=" + hex.substr(0, 16) +
           ";Sampled=0";
  }

  Handled next(const restinio::request_handle_t& request) {
    if (request->connection_id() <= last_disowned_ || !hooks_.expects_polls()) {
      return restinio::request_rejected();
    }
    const bool taken = queue_.poll(
        [request](Delivery delivery) {
          using std::chrono::milliseconds;
          const auto deadline =
              std::chrono::duration_cast<milliseconds>(delivery.deadline.time_since_epoch());
          Headers headers = {{"Lambda-Runtime-Aws-Request-Id", std::move(delivery.request_id)},
                             {"Lambda-Runtime-Invocation-Id", std::move(delivery.invocation_id)},
                             {"Lambda-Runtime-Deadline-Ms", std::to_string(deadline.count())},
                             {"Lambda-Runtime-Invoked-Function-Arn",
                              "arn:aws:lambda:us-east-1:000000000000:function:function"},
                             {"Lambda-Runtime-Trace-Id", std::move(delivery.trace_id)}};
          if (!delivery.client_context.empty()) {
            headers.emplace_back("Lambda-Runtime-Client-Context",
                                 std::move(delivery.client_context));
          }
          send(*request, 200, headers, std::move(delivery.event));
        },
        Clock::now(), request->connection_id());
    if (!taken) {
      return send_error(*request, 403, "InvalidStateTransition",
                        "the previous event has not been replied to");
    }
    return restinio::request_accepted();
  }

  Handled init_error(restinio::request_t& request) {
    queue_.init_failed(request.body());
    return send(request, 202, {}, R"({"status":"OK"})");
  }

  Handled extension(const restinio::request_handle_t& request, std::string_view path, bool post) {
    if (path == "register") {
      if (!post) return wrong_method(*request);
      if (header(*request, "Lambda-Extension-Name").empty()) {
        return send_error(*request, 400, "Extension.InvalidExtensionName",
                          "the header Lambda-Extension-Name is missing");
      }
      extension_ = make_uuid();
      return send(*request, 200, {{"Lambda-Extension-Identifier", extension_}},
                  R"({"functionName":"function","functionVersion":"$LATEST"})");
    }
    if (path != "event/next") return no_such_path(*request);
    if (post) return wrong_method(*request);
    if (extension_.empty() || header(*request, "Lambda-Extension-Identifier") != extension_) {
      return send_error(*request, 403, "Extension.UnknownExtensionIdentifier", "Unknown extension");
    }
    // It has asked for no events, so there is never one to tell it of.
    extension_poll_ = request;
    return restinio::request_accepted();
  }

  Verdict take_reply(const restinio::request_t& request, std::string_view id, bool response) {
    const std::string invocation_id = header(request, "Lambda-Runtime-Invocation-Id");
    if (!response) return queue_.fail(id, invocation_id, request.body(), Clock::now());
    if (header(request, "Lambda-Runtime-Function-Response-Mode") != "streaming") {
      return queue_.respond(id, invocation_id, request.body(), Clock::now());
    }
    StreamedReply reply;
    reply.content_type = request.header().get_field_or("Content-Type", "application/octet-stream");
    reply.body = request.body();
    if (const auto* chunked = request.chunked_input_info()) {
      const auto trailer = [&](const std::string& name) {
        return chunked->trailing_fields().get_field_or("Lambda-Runtime-Function-" + name,
                                                       std::string{});
      };
      reply.error_type = trailer("Error-Type");
      reply.error_body = decoded_base64(trailer("Error-Body"));
    }
    return queue_.stream(id, invocation_id, std::move(reply), Clock::now());
  }

  Handled reply(restinio::request_t& request, std::string_view id, bool response) {
    const Verdict verdict = take_reply(request, id, response);
    const int status = static_cast<int>(verdict);
    switch (verdict) {
      case Verdict::accepted:
        return send(request, status, {}, R"({"status":"OK"})");
      case Verdict::unknown_request:
        return send_error(request, status, "InvalidRequestID", "Invalid request ID");
      case Verdict::wrong_state:
        return send_error(request, status, "InvalidStateTransition",
                          "this request has been replied to");
      case Verdict::too_late:
        return send_error(request, status, "InvalidStateTransition",
                          "this request has timed out or its process has ended");
      case Verdict::too_large:
        return send_error(request, status, "RequestEntityTooLarge",
                          "Exceeded maximum allowed payload size (" +
                              std::to_string(most_reply_bytes) + " bytes).");
    }
    return restinio::request_rejected();
  }

  InvocationQueue& queue_;
  ServerHooks hooks_;
  std::uint16_t port_ = 0;
  restinio::connection_id_t last_accepted_ = 0;
  restinio::connection_id_t last_disowned_ = 0;
  std::string extension_;  // its identifier; empty for none
  restinio::request_handle_t extension_poll_;
  restinio::http_server_t<Traits> server_;
};

Server::Server(asio::io_context& context, std::uint16_t port, InvocationQueue& queue,
               ServerHooks hooks)
    : http_(std::make_unique<Http>(context, port, queue, std::move(hooks))) {}

Server::~Server() = default;

void Server::open() {
  http_->open();
}
std::uint16_t Server::port() const {
  return http_->port();
}
bool Server::extension_registered() const {
  return http_->extension_registered();
}
void Server::disown_connections() {
  http_->disown_connections();
}

}  // namespace lambda::local
