#include "api_fixture.h"

#include <dlfcn.h>

#include <fstream>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/plugin.h"

namespace edgesync::api {
namespace {

constexpr std::chrono::seconds kPatience{20};
constexpr std::size_t kWindow = 100000;

std::unique_ptr<Store> make_store() {
    static void* library = dlopen(EDGESYNC_STORE_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto* descriptor = static_cast<const PluginDescriptor*>(dlsym(library, kDescriptorSymbol));
    return std::unique_ptr<Store>(static_cast<Store*>(descriptor->create()));
}

class Promise : public HttpResponder {
public:
    void send(HttpResponse response) override {
        const std::lock_guard lock(mutex_);
        EXPECT_FALSE(response_) << "answered twice";
        response_ = std::move(response);
        changed_.notify_all();
    }
    void on_gone(std::function<void()>) override {}

    std::optional<HttpResponse> wait() {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kPatience, [this] { return response_.has_value(); });
        return std::move(response_);
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<HttpResponse> response_;
};

std::string body_of(HttpResponse& response, std::size_t& largest_piece) {
    if (response.generate) {
        std::string out;
        for (bool goes_on = true; goes_on;) {
            const std::size_t before = out.size();
            goes_on = response.generate(out);
            largest_piece = std::max(largest_piece, out.size() - before);
        }
        return out;
    }
    if (!response.blob) return std::move(response.body);
    std::string out(static_cast<std::size_t>(response.blob_length), '\0');
    std::size_t at = 0;
    while (at < out.size()) {
        const auto count =
            response.blob->read(response.blob_offset + static_cast<std::int64_t>(at), std::as_writable_bytes(std::span(out)).subspan(at));
        if (count == 0) break;
        at += count;
    }
    out.resize(at);
    return out;
}

void drive(HttpBodySink& sink, const std::string& body) {
    if (!sink.start()) return;
    auto rest = std::as_bytes(std::span(body));
    while (!rest.empty()) {
        const auto window = rest.first(std::min(kWindow, rest.size()));
        if (!sink.write(window)) return;
        rest = rest.subspan(window.size());
    }
    sink.finish();
}

}  // namespace

OneWorker::OneWorker()
    : thread_([this] {
          std::unique_lock lock(mutex_);
          for (;;) {
              changed_.wait(lock, [this] { return is_ending_ || !queue_.empty(); });
              if (queue_.empty()) return;
              auto function = std::move(queue_.front());
              queue_.pop_front();
              lock.unlock();
              function();
              function = {};
              lock.lock();
          }
      }) {}

OneWorker::~OneWorker() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

bool OneWorker::work(std::function<void()> function) {
    if (is_full) return false;
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(function));
    changed_.notify_all();
    return true;
}

void CollectingEffects::run(rules::Effects effects) {
    const std::lock_guard lock(mutex_);
    wakes_ += effects.wake.size() + effects.send.size();
    for (const auto& key : effects.verify) {
        if (on_verify) on_verify(key);
    }
}

std::size_t CollectingEffects::wakes() const {
    const std::lock_guard lock(mutex_);
    return wakes_;
}

std::string Answer::header(std::string_view name) const {
    for (const auto& candidate : headers) {
        if (candidate.name == name) return candidate.value;
    }
    return "";
}

bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

ApiTest::ApiTest(NodeRole role) : role_(role) {
    std::string name = (std::filesystem::temp_directory_path() / "edgesync-api-XXXXXX").string();
    root_ = std::string(mkdtemp(name.data())) + "/";
    std::filesystem::create_directories(root_ + "sync");
    std::ofstream(root_ + "sync/dummy-auth.json")
        << R"({"regularUsers":["bob","rita","will","wim"],"syncAdmins":["root"],"exchangeAdmins":[]})";
    settings_.root = root_;
    settings_.node_role = role;
    settings_.values = {{"AuthenticationHandler", "dummy"},
                        {"AllowDummyAuthentication", "true"},
                        {"MaxInlineObjectSize", "1000000"},
                        {"MaxObjectDataSize", "0"}};
    store_ = std::make_unique<FaultyStore>(make_store());
    store_->configure(settings_, log_);
    store_->open();
    node_.role = role;
    node_.self = role == NodeRole::Css ? NodeKey{"", "Cloud", "Cloud"} : NodeKey{"acme", "camera", "cam7"};
    node_.inline_limit = store_->traits().inline_limit;
    node_.now = [] { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); };
    node_.polled_protocols = {"http"};
    operations_ = std::make_unique<rules::Operations>(*store_, effects_);
    verifications_ = std::make_unique<data::VerificationQueue>(node_, *operations_, log_, 10);
    effects_.on_verify = [this](const ObjectKey& key) { verifications_->add(key); };
    acls_ = std::make_unique<security::AclCache>(*store_);
    authenticator_ = security::make_authenticator(settings_, log_);
    if (role == NodeRole::Css) authenticator_ = std::make_unique<security::AclAuthenticator>(std::move(authenticator_), *acls_);
    authenticator_->start();
    files_ = std::make_unique<files::DataFiles>(files::DataFileRules{root_, {}, {}, {}, root_ + "objects/"});
    make_api(*authenticator_);
}

void ApiTest::make_api(security::Authenticator& authenticator) { api_ = std::make_unique<Api>(context(authenticator)); }

ApiContext ApiTest::context(security::Authenticator& authenticator) {
    const auto resend = [this] { return ++resend_requests_, HandleResult{}; };
    const auto shutdown = [this](ShutdownRequest request) { shutdown_ = request; };
    const auto health = [this] { return HealthExtras{std::chrono::seconds(5), std::nullopt, unsendable_objects_, {}}; };
    return {node_,  *operations_, worker_, authenticator, *acls_, settings_, digests_, log_, "owner-uuid", [this] { return is_running_; },
            resend, shutdown,     health,  *files_};
}

ApiTest::~ApiTest() {
    verifications_.reset();
    store_->close();
    std::filesystem::remove_all(root_);
}

Answer exchange(HttpHandler& handler, HttpRequest request, const std::string& body) {
    const auto promise = std::make_shared<Promise>();
    const std::string what = request.method + " " + request.path + "?" + request.query;
    const auto limit = handler.body_limit(request);
    if (auto sink = handler.stream(request, promise)) {
        drive(*sink, body);
    } else if (static_cast<std::int64_t>(body.size()) > limit) {
        return {413, "", {}, "by the listener", false, 0};
    } else {
        request.body = body;
        handler.handle(std::move(request), promise);
    }
    auto response = promise->wait();
    if (!response) {
        ADD_FAILURE() << what << " was not answered";
        return {};
    }
    Answer answer{response->status, response->content_type, response->headers, "", static_cast<bool>(response->generate)};
    answer.body = body_of(*response, answer.largest_piece);
    return answer;
}

Answer ApiTest::send(const Request& request) {
    HttpRequest http;
    http.method = request.method;
    http.path = "/api/v1" + request.target.substr(0, request.target.find('?'));
    if (const auto mark = request.target.find('?'); mark != std::string::npos) http.query = request.target.substr(mark + 1);
    http.headers = request.headers;
    if (!request.key.empty()) http.headers.push_back({"Authorization", "Basic " + codec::base64_encode(request.key + ":secret")});
    http.content_length = request.hides_length ? -1 : static_cast<std::int64_t>(request.body.size());
    return exchange(*api_, std::move(http), request.body);
}

ApiTest::OpenRequest ApiTest::open(const Request& request) {
    HttpRequest http;
    http.method = request.method;
    http.path = "/api/v1" + request.target;
    http.headers = request.headers;
    http.headers.push_back({"Authorization", "Basic " + codec::base64_encode(request.key + ":secret")});
    http.content_length = static_cast<std::int64_t>(request.body.size());
    const auto promise = std::make_shared<Promise>();
    return {api_->stream(http, promise), [promise] {
                const auto response = promise->wait();
                return response ? response->status : 0;
            }};
}

std::string ApiTest::object_target(const std::string& type, const std::string& id) const {
    return (role_ == NodeRole::Css ? "/objects/acme/" : "/objects/") + type + "/" + id;
}

void ApiTest::publish(const std::string& type, const std::string& id, const std::string& more, const std::optional<std::string>& data) {
    std::string body = "{\"meta\":{\"objectID\":\"" + id + "\",\"objectType\":\"" + type + "\"" + (more.empty() ? "" : ",") + more + "}";
    if (data) body += ",\"data\":\"" + *data + "\"";
    const Answer answer = put(object_target(type, id), body + "}");
    ASSERT_EQ(answer.status, 204) << answer.body;
}

void ApiTest::receive(const std::string& type, const std::string& id, ObjectStatus status,
                      const std::function<void(ObjectRecord&)>& change) {
    in_store([&](WriteTransaction& txn) {
        ObjectRecord record;
        record.meta.org = "acme";
        record.meta.object_type = type;
        record.meta.object_id = id;
        record.meta.origin_type = role_ == NodeRole::Css ? "camera" : rules::kCloud;
        record.meta.origin_id = role_ == NodeRole::Css ? "cam7" : rules::kCloud;
        record.meta.instance_id = txn.next_instance_id(node_.now(), 0);
        record.meta.consumers = 1;
        record.remaining_consumers = 1;
        record.remaining_receivers = 1;
        record.side = Side::Receiver;
        record.status = status;
        record.meta.deleted = status == ObjectStatus::ObjDeleted;
        if (change) change(record);
        txn.put_object(record);
    });
}

void ApiTest::add_node(const std::string& type, const std::string& id) {
    in_store([&](WriteTransaction& txn) { txn.put_destination({{"acme", type, id}, "http", "1.0", node_.now(), true}); });
}

std::optional<ObjectRecord> ApiTest::stored(const std::string& type, const std::string& id) {
    std::optional<ObjectRecord> record;
    store_->read([&](ReadTransaction& txn) { record = txn.object({"acme", type, id}); });
    return record;
}

void ApiTest::in_store(const std::function<void(WriteTransaction&)>& function) {
    operations_->run_and_wait<rules::Done>([&](WriteTransaction& txn, rules::Effects&) { return function(txn), rules::Done{}; });
}

}  // namespace edgesync::api
