#include "broker_line.h"

#include <algorithm>
#include <cctype>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/packets.h"
#include "messaging_group.h"

namespace edgesync::mqtt_exchange {
namespace {

constexpr std::size_t kMaxAnswers = 4096;
/// Pieces of a chunk are read as they are written: what waits long costs memory that is given back at once, and its place in the caches.
constexpr std::size_t kDataWaiting = 1024 * 1024;
constexpr std::int64_t kNoteInterval = 10;
/// What the kernel has begun is given so long to end when the line ends.
constexpr std::chrono::seconds kPatience{5};

bool must_reach_leader(const Message& message) {
    return message.command == Command::Update && message.meta.chunk_size > 0 && message.meta.object_size > message.meta.chunk_size;
}

std::int64_t steady_seconds() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Parallelism Parallelism::of(const std::string& mode) {
    std::string lower = mode;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (lower == "small") return {128, 16, 32};
    if (lower == "medium") return {256, 32, 64};
    if (lower == "large") return {512, 64, 128};
    return {};
}

BrokerLine::BrokerLine(LineOptions options, TransportHost& host, bool is_one_of_several)
    : options_(std::move(options)), host_(host), is_css_(host.role() == NodeRole::Css), is_one_of_several_(is_one_of_several),
      self_(host.self()), commands_(std::make_shared<InProgress>(options_.parallelism.commands)),
      data_(options_.parallelism.data_threads, options_.parallelism.data_queue), answers_(1, kMaxAnswers),
      session_(options_.session, *this, host.log()) {}

BrokerLine::~BrokerLine() { stop(); }

void BrokerLine::start() {
    subscribe();
    session_.start();
}

void BrokerLine::subscribe() {
    const std::lock_guard lock(filters_mutex_);
    if (!is_css_) return session_.set_filters({mqtt_session::ess_filter(options_.rules, self_)});
    mqtt_session::TopicRules rules = options_.rules;
    const bool is_plain = rules.family == mqtt_session::TopicRules::Family::Plain;
    rules.is_shared = is_plain && is_one_of_several_ && has_shares_;
    // Where the broker cannot give each message to one instance alone, one instance takes them all.
    if (is_plain && is_one_of_several_ && !has_shares_ && !leads_) return session_.set_filters({});
    session_.set_filters({mqtt_session::common_filter(rules), mqtt_session::leader_filter(rules)});
}

void BrokerLine::set_leading(bool leads) {
    if (leads_.exchange(leads) != leads && !has_shares_) subscribe();
}

void BrokerLine::on_refused(const std::vector<std::string>& filters) {
    const bool is_share =
        std::any_of(filters.begin(), filters.end(), [](const std::string& filter) { return filter.starts_with("$share/"); });
    if (!is_share || !has_shares_.exchange(false)) return;
    host_.log().log(LogLevel::Warning,
                    options_.session.name + " has no shared subscriptions: the leading instance alone takes the messages of the nodes");
    subscribe();
}

void BrokerLine::on_connected() { host_.line_changed(true); }

void BrokerLine::on_lost(const std::string&) { host_.line_changed(false); }

void BrokerLine::note_dropped(std::atomic<std::uint64_t>& counter, const std::string& why) {
    const std::uint64_t count = ++counter;
    const std::int64_t now = steady_seconds();
    std::int64_t next = next_note_;
    if (now < next || !next_note_.compare_exchange_strong(next, now + kNoteInterval)) return;
    host_.log().log(LogLevel::Warning, options_.session.name + ": dropped a message: " + why + " (" + std::to_string(count) +
                                           " of this kind since the start)");
}

void BrokerLine::on_message(const std::string& topic, std::shared_ptr<const std::string> payload) {
    if (is_draining_) return;
    const auto parsed = mqtt_session::parse_topic(options_.rules, topic, options_.org);
    const auto expected = is_css_ ? mqtt_session::Direction::Uplink : mqtt_session::Direction::Downlink;
    if (!parsed || parsed->direction != expected) return note_dropped(dropped_.unknown, "unexpected topic");
    NodeKey peer = parsed->node;
    if (!is_css_) {
        if (peer.type != self_.type || peer.id != self_.id) return note_dropped(dropped_.foreign, "it is for another node");
        peer = {self_.org, "Cloud", "Cloud"};
    }
    try {
        if (codec::is_data_message(*payload)) {
            take_data(peer, std::move(payload));
        } else {
            take_command(peer, *payload);
        }
    } catch (const Error& error) {
        note_dropped(dropped_.malformed, error.what());
    }
}

bool BrokerLine::is_admitted(const NodeKey& peer, Command command) {
    if (options_.messaging_group.empty()) return true;
    if (!mqtt_session::is_topic_name(peer.org)) {
        note_dropped(dropped_.malformed, "it names no organization");
        return false;
    }
    const auto known = host_.messaging_group(peer.org);
    switch (admission(known, options_.messaging_group, command)) {
        case Admission::Admitted: return true;
        case Admission::Remember:
            // Before the registration is acknowledged: what the node is then told goes where this says.
            host_.remember_messaging_group(peer.org, options_.messaging_group);
            if (known) {
                host_.log().log(LogLevel::Warning, "The organization " + peer.org + " moves from the messaging group " + *known + " to " +
                                                       options_.messaging_group);
            }
            return true;
        case Admission::Unregistered: {
            Message must_register;
            must_register.command = Command::RegisterAsNew;
            answer(peer, {std::move(must_register)});
            return false;
        }
        case Admission::Foreign: break;
    }
    note_dropped(dropped_.foreign, "the organization " + peer.org + " is on the messaging group " + known.value_or(""));
    return false;
}

void BrokerLine::take_command(NodeKey peer, std::string_view payload) {
    auto command = codec::command_from_json(payload);
    if (!command) return note_dropped(dropped_.unknown, "unknown command");
    const std::string& org = command->message.meta.org;
    if (!is_css_ && !org.empty() && org != self_.org) return note_dropped(dropped_.foreign, "it is about an object of organization " + org);
    // Topics of messaging groups do not name the organization; whether the claim is admitted is judged below.
    if (!options_.messaging_group.empty())
        peer.org = command->destination.org.empty() ? command->message.meta.org : command->destination.org;
    if (is_css_) {
        if (command->message.meta.org.empty()) command->message.meta.org = peer.org;
        if (const std::string problem = packets::check_sender(*command, peer); !problem.empty()) {
            return note_dropped(dropped_.foreign, "node " + peer.type + "/" + peer.id + ": " + problem);
        }
        command->message.protocol = options_.communication;
        if (!is_admitted(peer, command->message.command)) return;
    }
    const InProgress::Key key{peer, command->message.key()};
    commands_->run(key, [self = shared_from_this(), peer, message = std::move(command->message)](const std::function<void()>& done) {
        self->host_.handle(peer, message, [self, peer, done](HandleResult result) { self->answer(peer, std::move(result.replies), done); });
    });
}

void BrokerLine::take_data(const NodeKey& topic_peer, std::shared_ptr<const std::string> payload) {
    const bool is_taken = data_.push([this, topic_peer, payload = std::move(payload)] {
        try {
            const auto data = codec::decode_data(*payload);
            NodeKey peer = topic_peer;
            if (!options_.messaging_group.empty()) peer.org = data.key.org;
            if (!is_admitted(peer, Command::Update)) return;
            if (!data.is_cut_short) return receive(peer, data);
            note_dropped(dropped_.malformed, "data that is cut short");
            Message feedback;
            feedback.command = Command::Feedback;
            feedback.meta.org = peer.org;
            feedback.meta.object_type = data.key.type;
            feedback.meta.object_id = data.key.id;
            feedback.meta.instance_id = data.instance_id;
            feedback.meta.origin_type = is_css_ ? peer.type : self_.type;
            feedback.meta.origin_id = is_css_ ? peer.id : self_.id;
            feedback.meta.destination_type = feedback.meta.origin_type;
            feedback.meta.destination_id = feedback.meta.origin_id;
            feedback.feedback.code = 2;
            feedback.feedback.reason = "A data message was cut short";
            answer(peer, {std::move(feedback)});
        } catch (const std::exception& error) {
            note_dropped(dropped_.malformed, error.what());
        }
    });
    if (!is_taken && !is_draining_) note_dropped(dropped_.untaken, "there is no thread for it");
}

void BrokerLine::receive(const NodeKey& peer, const codec::DataMessage& data) {
    if (!data.key.org.empty() && data.key.org != peer.org) return note_dropped(dropped_.foreign, "data of another organization");
    DataRequest range;
    range.key = {peer.org, data.key.type, data.key.id};
    range.instance_id = data.instance_id;
    range.offset = data.offset;
    range.length = static_cast<std::int64_t>(data.data.size());
    const std::shared_ptr<DataReceiver> receiver = host_.receive_data(peer, range, range.length, "", "");
    HandleResult result = receiver->start();
    if (result.verdict != Verdict::Accepted) return answer(peer, std::move(result.replies));
    if (!data.data.empty()) receiver->write(std::as_bytes(std::span(data.data)));
    // Also after a refused write: the receiver says in its verdict what was wrong.
    receiver->finish([self = shared_from_this(), peer, receiver](HandleResult last) { self->answer(peer, std::move(last.replies)); });
}

void BrokerLine::answer(const NodeKey& peer, std::vector<Message> replies, const std::function<void()>& done) {
    if (replies.empty()) return done();
    const bool is_queued = answers_.try_push([this, peer, replies = std::move(replies), done] {
        for (const auto& reply : replies) {
            try {
                send(peer, reply);
            } catch (const std::exception& error) {
                note_dropped(dropped_.answers, error.what());
            }
        }
        done();
    });
    if (is_queued) return;
    ++dropped_.answers;  // The peer repeats its question.
    done();
}

std::string BrokerLine::topic_to(const NodeKey& peer, bool for_leader) const {
    if (is_css_) return mqtt_session::downlink_topic(options_.rules, peer);
    return mqtt_session::uplink_topic(options_.rules, self_, for_leader);
}

void BrokerLine::send(const NodeKey& peer, const Message& message) {
    const NodeKey destination = is_css_ ? peer : self_;
    session_.publish(topic_to(peer, must_reach_leader(message)), codec::command_to_json(message, destination, options_.communication));
}

void BrokerLine::push(const NodeKey& peer, const DataRequest& request, BlobReader& source) {
    if (const std::int64_t largest = largest_payload(); largest > 0 && request.length > largest) {
        throw Error(ErrorKind::InvalidRequest, options_.session.name + ": a chunk of " + std::to_string(request.length) +
                                                   " octets is too large, it takes " + std::to_string(largest));
    }
    const bool is_only_chunk = request.offset == 0 && request.length == request.total;
    std::string packet = packets::data_packet(request, source);
    session_.publish(topic_to(peer, !is_only_chunk), std::move(packet), kDataWaiting);
}

std::int64_t BrokerLine::largest_payload() const { return packets::largest_data(static_cast<std::int64_t>(session_.largest_packet())); }

void BrokerLine::drain() { is_draining_ = true; }

void BrokerLine::stop() noexcept {
    is_draining_ = true;
    // The session's thread may wait for room in one of these.
    commands_->stop(std::chrono::milliseconds(0));
    data_.stop();
    session_.stop();
    commands_->stop(kPatience);
    answers_.stop();
}

}  // namespace edgesync::mqtt_exchange
