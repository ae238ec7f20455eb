#include "kernel/node/node.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "edgesync/sdk/error.h"
#include "kernel/api/api.h"
#include "kernel/api/health_report.h"
#include "kernel/cluster/change_message.h"
#include "kernel/cluster/leadership.h"
#include "kernel/data/chunked_upload.h"
#include "kernel/data/received_files.h"
#include "kernel/data/verification_queue.h"
#include "kernel/delivery/pending_index.h"
#include "kernel/hooks/webhook_sender.h"
#include "kernel/node/bench_route.h"
#include "kernel/node/broker_accounts.h"
#include "kernel/node/data_file_rules.h"
#include "kernel/node/edge_side.h"
#include "kernel/node/effects.h"
#include "kernel/node/listeners.h"
#include "kernel/node/maintenance.h"
#include "kernel/node/node_context.h"
#include "kernel/node/node_scheduler.h"
#include "kernel/node/packet_lines.h"
#include "kernel/node/probe_route.h"
#include "kernel/node/transport_host.h"
#include "kernel/node/work_runner.h"
#include "kernel/ops/limited_log.h"
#include "kernel/security/authenticator.h"
#include "kernel/security/node_identity.h"
#include "kernel/swagger/site.h"

namespace edgesync::node {
namespace {

/// Calls to the CSS that may run at once; each occupies a thread while it waits.
constexpr std::size_t kLineWorkers = 16;
/// What fails for one client fails for all of them: a full disk must not be filled with lines about it.
constexpr std::chrono::seconds kClientLogInterval{10};

std::size_t io_threads() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 16); }

rules::NodeContext context_of(const Settings& settings, const Store& store, const std::vector<LoadedTransport>& transports) {
    std::vector<std::string> polled;
    bool pushes = false;
    for (const auto& loaded : transports) {
        const TransportTraits traits = loaded.transport->traits();
        if (!traits.sends_unasked) polled.push_back(loaded.name);
        pushes = pushes || traits.pushes_data;
    }
    return make_context(settings, store, std::move(polled), pushes);
}

/// Tells clients of chunked uploads which instance answers (MMS-Upload-Owner).
std::string random_uuid() {
    std::random_device random;
    std::array<std::uint32_t, 4> words{random(), random(), random(), random()};
    words[1] = (words[1] & 0xFFFF0FFFU) | 0x4000U;
    words[2] = (words[2] & 0x3FFFFFFFU) | 0x80000000U;
    std::array<char, 37> text{};
    std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%04x%08x", words[0], words[1] >> 16U, words[1] & 0xFFFFU, words[2] >> 16U,
                  words[2] & 0xFFFFU, words[3]);
    return text.data();
}

delivery::PendingOptions pending_options(const Settings& settings, const Store& store) {
    delivery::PendingOptions options;
    options.reads_block = store.traits().reads_block;
    options.max_wait = std::chrono::seconds(settings.integer("HTTPMaxWait"));
    options.max_parked = static_cast<std::size_t>(settings.integer("HTTPMaxParked"));
    return options;
}

rules::Operations::MessageForOthers message_for_others(const Store& store) {
    if (!store.traits().is_shared) return {};
    return cluster::change_message;
}

}  // namespace

struct Node::Parts {
    Parts(const Settings& settings_in, Log& log_in, std::unique_ptr<Store> store_in, std::vector<LoadedTransport> transports_in,
          std::function<std::vector<plugins::PluginState>()> plugin_states_in)
        : settings(settings_in), log(log_in), client_log(log_in, kClientLogInterval), store(std::move(store_in)),
          transports(std::move(transports_in)), plugin_states(std::move(plugin_states_in)),
          io(io_threads(), [this](std::string_view problem) { log.log(LogLevel::Error, std::string(problem)); }),
          scheduler(io, workers, log), line_scheduler(io, line_workers, log), effects(log),
          operations(*store, effects, message_for_others(*store)), acls(*store), leadership(*store, scheduler, log, leadership_options()),
          context(context_of(settings, *store, transports)), files(data_file_rules(settings)),
          received_files(operations, scheduler, files, log), webhooks(*store, scheduler, log, hooks::webhook_options(settings)),
          work(context, operations, scheduler, log),
          verifications(context, operations, log, static_cast<std::size_t>(settings.integer("VerifyQueueBufferSize"))),
          pending(context, *store, scheduler, pending_options(settings, *store),
                  [this](std::vector<NotificationRecord> records) { forget(std::move(records)); }),
          packet_lines(context, operations, line_scheduler, files, log) {}

    /// Removes records about objects that are gone or newer, unless they changed meanwhile.
    void forget(std::vector<NotificationRecord> records) {
        operations.run<rules::Done>(
            [records = std::move(records)](WriteTransaction& txn, rules::Effects&) {
                for (const auto& record : records) {
                    const auto current = txn.notification(record.object, record.peer);
                    if (current && current->sequence == record.sequence) txn.erase_notification(record.object, record.peer);
                }
                return rules::Done{};
            },
            [](rules::Outcome<rules::Done>) {});
    }

    cluster::LeadershipOptions leadership_options();
    void hear_others(const std::optional<std::string>& message);
    void start_store();
    std::unique_ptr<NodeTransportHost> make_host(LoadedTransport& loaded);
    void tell_leadership();
    void look_for_uploads();
    void look_at_transfers();
    void start_transports();
    void start_listeners();
    void mount_site();
    void stop_communication();
    void erase_store();
    HostParts host_parts();
    api::ApiContext api_context();
    EffectTargets effect_targets();

    const Settings& settings;
    Log& log;
    ops::LimitedLog client_log;
    std::unique_ptr<Store> store;
    std::vector<LoadedTransport> transports;
    std::function<std::vector<plugins::PluginState>()> plugin_states;
    http::Router router;
    http::IoContext io;
    ops::WorkerPool workers;
    ops::WorkerPool line_workers{kLineWorkers};
    NodeScheduler scheduler;
    NodeScheduler line_scheduler;
    NodeEffects effects;
    rules::Operations operations;
    security::AclCache acls;
    const std::string instance = random_uuid();
    cluster::Leadership leadership;
    rules::NodeContext context;
    files::DataFiles files;
    data::ReceivedFiles received_files;
    hooks::WebhookSender webhooks;
    WorkRunner work;
    data::VerificationQueue verifications;
    delivery::PendingIndex pending;
    PacketLines packet_lines;
    data::UploadDigests digests;
    std::unique_ptr<security::Authenticator> authenticator;
    std::unique_ptr<security::OrgSecrets> org_secrets;
    std::unique_ptr<EdgeSide> edge;
    std::vector<std::unique_ptr<NodeTransportHost>> hosts;
    std::optional<bool> leads;  ///< As the transports were told last.
    std::mutex look_mutex;
    bool are_looks_over = false;  ///< With its lock: transports are not called any more.
    std::unique_ptr<Maintenance> maintenance;
    std::unique_ptr<api::Api> api;
    std::unique_ptr<swagger::Site> site;
    BenchRoute bench;
    ProbeRoute live{probe_callers(settings), [] { return true; }};
    ProbeRoute ready{probe_callers(settings), [this] { return is_running && store->health().is_connected; }};
    std::vector<std::unique_ptr<http::Listener>> listeners;
    std::atomic<bool> is_running{false};
    bool is_store_open = false;
    bool is_stopped = false;
    std::size_t started_transports = 0;
    std::chrono::steady_clock::time_point started_at = std::chrono::steady_clock::now();

    std::mutex mutex;
    std::condition_variable changed;
    std::optional<StopRequest> stop_request;
};

Node::Node(const Settings& settings, Log& log, std::unique_ptr<Store> store, std::vector<LoadedTransport> transports,
           std::function<std::vector<plugins::PluginState>()> plugin_states)
    : parts_(std::make_unique<Parts>(settings, log, std::move(store), std::move(transports), std::move(plugin_states))) {}

Node::~Node() {
    if (parts_) stop({});
}

EffectTargets Node::Parts::effect_targets() {
    EffectTargets targets;
    targets.wake = [this](const NodeKey& peer) { pending.wake(peer); };
    targets.wake_org = [this](const std::string& org) { pending.wake_org(org); };
    targets.send = [this](const rules::ExchangeKey& key) { edge ? edge->send(key) : packet_lines.send(key); };
    targets.fetch = [this](const rules::ExchangeKey& key) {
        if (edge) edge->fetch(key);
    };
    targets.unused_files = [this] { received_files.remove_unused(); };
    targets.work = [this] { work.kick(); };
    targets.arrived = [this](const ObjectKey& key) { webhooks.arrived(key); };
    targets.verify = [this](const ObjectKey& key) { verifications.add(key); };
    targets.acls = [this](const std::string& org) { acls.invalidate(org); };
    return targets;
}

void Node::Parts::start_store() {
    files.start();
    store->open();
    is_store_open = true;
    effects.set_targets(effect_targets());
    store->listen([this](const std::optional<std::string>& message) { hear_others(message); });
    leadership.start();
}

cluster::LeadershipOptions Node::Parts::leadership_options() {
    cluster::LeadershipOptions options;
    options.holder = instance;
    options.timeout = std::chrono::seconds(settings.integer("LeadershipTimeout"));
    // What the one before left undone.
    options.has_begun = [this] {
        if (!is_running) return;
        look_for_uploads();
        work.kick();
    };
    return options;
}

void Node::Parts::hear_others(const std::optional<std::string>& message) {
    if (auto changes = message ? cluster::effects_of_message(*message) : std::nullopt) return effects.run(std::move(*changes));
    pending.wake_all();
    acls.invalidate_all();
    work.kick();
}

HostParts Node::Parts::host_parts() {
    HostParts parts;
    parts.context = &context;
    parts.operations = &operations;
    parts.scheduler = &scheduler;
    parts.pending = &pending;
    parts.digests = &digests;
    parts.settings = &settings;
    parts.log = &log;
    parts.largest_object = settings.integer("MaxObjectDataSize");
    if (!context.objects_data_path.empty()) parts.files = &received_files;
    parts.is_running = [this] { return is_running.load(); };
    parts.mount = [this](const std::string& prefix, HttpHandler& handler) { router.mount(prefix, handler); };
    parts.authenticate_node = [this](const HttpRequest& request) { return security::node_identity(*authenticator, request, acls); };
    parts.credentials_for = [this](const std::string& url) { return authenticator->credentials_for_url(url); };
    parts.announced = [this](Message update, std::function<void(HandleResult)> done) {
        edge->announced(std::move(update), std::move(done));
    };
    parts.registration_answer = [this](const Message& message) { edge->registration().handle(message); };
    parts.report_unknown = [this] {
        if (edge) edge->registration().report_unknown();
    };
    parts.send_message = [this](Message message) { edge->send_message(std::move(message)); };
    parts.broker_accounts = [this] { return read_broker_accounts(*store, *org_secrets, log); };
    parts.is_one_of_several = context.is_css() && store->traits().is_shared;
    return parts;
}

std::unique_ptr<NodeTransportHost> Node::Parts::make_host(LoadedTransport& loaded) {
    HostParts parts = host_parts();
    parts.log = loaded.log;
    if (loaded.watched_handler) {
        parts.mount = [this, &loaded](const std::string& prefix, HttpHandler& handler) {
            router.mount(prefix, loaded.watched_handler(handler));
        };
    }
    if (!loaded.transport->traits().is_packet_line()) return std::make_unique<NodeTransportHost>(std::move(parts));
    return packet_lines.make_host(loaded.name, *loaded.transport, std::move(parts), [this](bool is_connected) {
        if (edge) edge->line_changed(is_connected);
    });
}

/// From one thread at a time: the start, then the timer.
void Node::Parts::tell_leadership() {
    const bool leads_now = leadership.term().has_value();
    if (leads == leads_now) return;
    leads = leads_now;
    for (auto& loaded : transports) loaded.transport->leadership_changed(leads_now);
}

/// For those whose signature is to be verified. Elsewhere than in the caller, whom an unreachable store must not end; what fails is done a
/// minute later.
void Node::Parts::look_for_uploads() {
    scheduler.work([this] { verifications.scan(); });
}

/// CSS. Not while the look before lasts; one that the store has failed has ended.
void Node::Parts::look_at_transfers() {
    const std::unique_lock one_at_a_time(look_mutex, std::try_to_lock);
    if (!one_at_a_time.owns_lock() || are_looks_over) return;
    tell_leadership();
    if (leadership.term()) packet_lines.look();
}

void Node::Parts::start_transports() {
    org_secrets = std::make_unique<security::OrgSecrets>(settings, log);
    if (!context.is_css()) edge = std::make_unique<EdgeSide>(context, operations, line_scheduler, settings, files, received_files, log);
    if (edge) {
        packet_lines.report_to([this](const ObjectRecord& object, const Error& error) { edge->unreadable(object, error); },
                               [this](const ObjectKey& key) { edge->readable(key); });
    }
    for (auto& loaded : transports) hosts.push_back(make_host(loaded));
    // From the start of its transport on messages may come.
    if (edge) edge->use(packet_lines.seen(*transports.front().transport));
    for (std::size_t i = 0; i < transports.size(); ++i) {
        ++started_transports;  // Also what fails to start may have begun something.
        transports[i].transport->start(*hosts[i]);
    }
    tell_leadership();
    MaintenanceOptions options = MaintenanceOptions::from(settings);
    options.scan_verifications = [this] { look_for_uploads(); };
    options.term = [this] { return leadership.term(); };
    if (store->traits().is_shared) options.look_for_work = [this] { work.kick(); };
    if (edge) {
        options.may_send = [this] { return edge->registration().is_registered(); };
        options.resume_transfers = [this] { edge->resume_transfers(); };
    } else {
        options.resume_transfers = [this] { look_at_transfers(); };
    }
    maintenance = std::make_unique<Maintenance>(context, operations, scheduler, log, options);
}

api::ApiContext Node::Parts::api_context() {
    const auto resend = [this]() -> HandleResult {
        if (!edge) return {Verdict::Invalid, {}, "CSS can't request to resend objects"};
        edge->registration().request_resend();
        return {};
    };
    const auto shutdown = [this](api::ShutdownRequest request) {
        // The answer to this very request must get out first.
        scheduler.after(std::chrono::seconds(1), [this, request] {
            const std::lock_guard lock(mutex);
            if (!stop_request) stop_request = StopRequest{request.quiesce, request.restart, request.unregister};
            changed.notify_all();
        });
    };
    const auto health = [this] {
        api::HealthExtras extras;
        extras.uptime = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_at);
        extras.plugins = plugin_states();
        if (edge) extras.unsendable_objects = edge->unsendable();
        for (const auto& loaded : transports) {
            if (const auto line = loaded.transport->line_health()) api::add_line(extras.mqtt, loaded.name, *line, context.resend_interval);
        }
        return extras;
    };
    return {context,  operations, scheduler,  *authenticator, acls,
            settings, digests,    client_log, instance,       [this] { return is_running.load(); },
            resend,   shutdown,   health,     files};
}

void Node::Parts::mount_site() {
    site = swagger::make_site(settings, log);
    if (!site) return;
    router.mount_exact("/swagger", *site);
    router.mount_exact("/swagger.json", *site);
    router.mount("/swagger-ui/", *site);
}

void Node::Parts::start_listeners() {
    api = std::make_unique<api::Api>(api_context());
    api->start();
    router.mount("/api/v1/", *api);
    mount_site();
    const char* bench_switch = std::getenv("EDGESYNC_BENCH_ROUTE");
    if (bench_switch != nullptr && std::string(bench_switch) == "1") router.mount("/bench/nothing", bench);
    if (settings.boolean("AnonymousProbes")) {
        router.mount_exact("/livez", live);
        router.mount_exact("/readyz", ready);
    }
    auto may_block =
        blocking_requests(store->traits().reads_block, [this](const HttpRequest& request) { return authenticator->may_block(request); });
    listeners = make_listeners(settings, std::move(may_block), router, io, workers, client_log);
    for (auto& listener : listeners) listener->start();
}

void Node::start() {
    Parts& p = *parts_;
    p.authenticator = security::make_authenticator(p.settings, p.log);
    if (p.context.is_css()) p.authenticator = std::make_unique<security::AclAuthenticator>(std::move(p.authenticator), p.acls);
    p.authenticator->start();
    p.start_store();
    p.io.start();
    p.start_transports();
    p.is_running = true;  // Before anybody can ask: who finds the node healthy may use it.
    p.start_listeners();
    reload_certificates_daily(p.scheduler, p.settings, p.listeners, p.log);
    p.maintenance->start();
    if (p.leadership.term()) p.look_for_uploads();
    p.work.kick();
    p.received_files.remove_unused();
    if (p.edge) p.edge->start();
    p.log.log(LogLevel::Status, std::string(p.context.is_css() ? "CSS" : "ESS") + " is running");
}

void Node::Parts::stop_communication() {
    if (maintenance) maintenance->stop();
    leadership.stop();
    for (std::size_t i = 0; i < started_transports; ++i) transports[i].transport->drain();
    pending.drain();
    for (auto& listener : listeners) listener->drain();
    for (auto& listener : listeners) listener->wait_idle(std::chrono::seconds(settings.integer("ShutdownQuiesceTime")));
    for (auto& listener : listeners) listener->stop();
    packet_lines.drain();
    if (edge) edge->stop();
    packet_lines.stop();
    {
        const std::lock_guard lock(look_mutex);  // One may still be queued, or under way.
        are_looks_over = true;
    }
    for (std::size_t i = 0; i < started_transports; ++i) transports[i].transport->stop();
    started_transports = 0;
}

/// The CSS has forgotten the node already, and what comes after this must be done whether the store can be erased or not.
void Node::Parts::erase_store() {
    try {
        store->wipe();
        log.log(LogLevel::Status, "Unregistered; the local store was erased");
    } catch (const std::exception& error) {
        log.log(LogLevel::Error, std::string("Unregistered, but the local store could not be erased: ") + error.what());
    }
}

void Node::stop(const StopRequest& request) {
    Parts& p = *parts_;
    if (p.is_stopped) return;
    p.is_stopped = true;
    // Meanwhile clients are told that the node stops, and health and shutdown are served.
    if (p.is_running.exchange(false)) std::this_thread::sleep_for(request.quiesce);
    const bool may_erase = request.unregisters && p.edge && p.edge->registration().unregister();
    p.stop_communication();
    p.work.stop();
    p.verifications.stop();
    p.webhooks.stop();
    if (p.is_store_open && may_erase) p.received_files.remove_own(p.context);
    p.received_files.stop();
    p.workers.stop();
    p.line_workers.stop();
    if (p.is_store_open && may_erase) p.erase_store();
    if (p.is_store_open) p.store->close();
    p.io.stop();
    p.log.log(LogLevel::Status, "Stopped");
}

std::optional<StopRequest> Node::wait(std::chrono::milliseconds timeout) {
    std::unique_lock lock(parts_->mutex);
    parts_->changed.wait_for(lock, timeout, [this] { return parts_->stop_request.has_value(); });
    return parts_->stop_request;
}

void Node::reload() {
    parts_->authenticator->reload();
    reload_certificates(parts_->settings, parts_->listeners, parts_->log);
}

void Node::request_stop(StopRequest request) {
    const std::lock_guard lock(parts_->mutex);
    if (!parts_->stop_request) parts_->stop_request = request;
    parts_->changed.notify_all();
}

}  // namespace edgesync::node
