#include "transport_test.h"

#include <algorithm>
#include <thread>

#include "options.h"

namespace edgesync::conformance {
namespace {

bool is_acknowledged(const Seen& seen) { return !seen.of(Command::RegAck).empty(); }

}  // namespace

bool is_packet_line(const TransportTraits& traits) {
    return traits.sends_unasked && !traits.send_is_answered && !traits.fetches_data && !traits.pushes_data;
}

bool eventually(const std::function<bool()>& is_true, std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!is_true()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(20ms);
    }
    return true;
}

std::optional<ErrorKind> failure_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.kind();
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what() << broken("failures are edgesync::Error");
    }
    return std::nullopt;
}

bool is_of_the_line(std::optional<ErrorKind> failure) { return failure == ErrorKind::NotConnected || failure == ErrorKind::Timeout; }

std::string text_of(const std::vector<std::byte>& octets) { return {reinterpret_cast<const char*>(octets.data()), octets.size()}; }

void TransportTest::SetUp() {
    const auto* const info = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(info->test_suite_name()) + "." + info->name();
    std::replace(name.begin(), name.end(), '/', '-');
    folder_ = options().root / name;
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    options().shared = folder_;
    environment().begin(folder_);
    css_ = std::make_unique<TestNode>(NodeRole::Css, kCloud, folder_ / "css");
    ess_ = std::make_unique<TestNode>(NodeRole::Ess, kNode, folder_ / "n1");
    css_->start();
    ess_->start();
    ASSERT_NO_FATAL_FAILURE(connect(*ess_));
}

void TransportTest::TearDown() {
    if (environment().faults() != nullptr) environment().faults()->restore();
    for (TestNode* const node : {ess_.get(), css_.get()}) {
        if (node != nullptr) node->release();
    }
    others_.clear();
    for (auto* const node : {&ess_, &css_}) {
        if (*node == nullptr) continue;
        (*node)->stop();
        for (const auto& violation : (*node)->violations()) ADD_FAILURE() << violation << breaks("stop");
        node->reset();
    }
    environment().end();
    std::filesystem::remove_all(folder_);
}

TestNode& TransportTest::add_node(const std::string& id) {
    others_.push_back(std::make_unique<TestNode>(NodeRole::Ess, NodeKey{kNode.org, kNode.type, id}, folder_ / id));
    others_.back()->start();
    connect(*others_.back());
    return *others_.back();
}

void TransportTest::connect(TestNode& node) {
    Message greeting;
    greeting.command = Command::Register;
    greeting.is_persistent = true;
    greeting.protocol = "test";
    greeting.code_version = "1.0";
    greeting.capabilities = {"digest"};
    std::vector<std::string> capabilities;
    int greetings = 0;
    const bool is_connected = eventually([&] {
        PeerAnswer answer;
        const auto failure = failure_of([&] { answer = node.transport().send(kCloud, greeting); });
        if (failure) {
            EXPECT_TRUE(is_of_the_line(failure)) << to_string(*failure) << broken("send throws NotConnected or Timeout for the line");
            return !is_of_the_line(failure);
        }
        ++greetings;
        if (!node.traits().send_is_answered) return node.host().await(is_acknowledged, 1s);
        capabilities = answer.capabilities;
        return answer.verdict == Verdict::Accepted;
    });
    ASSERT_TRUE(is_connected) << "a node does not get through to its CSS within " << usual_wait().count() << " ms"
                              << breaks("registration");
    node.transport().registration_changed(true, capabilities);
    // A slow line may not have lost the others: then they are still to come, and what is said to them.
    if (!node.traits().send_is_answered && greetings > 1) settle(node);
}

void TransportTest::settle(TestNode& node) {
    const std::string id = "flows-" + node.self().id;
    const auto has_come = [&](const Seen& seen) { return !seen.about(id).empty(); };
    const auto say = [](const std::function<void()>& what) { return eventually([&] { return !failure_of(what); }); };
    EXPECT_TRUE(say([&] { node.transport().send(kCloud, from_node(Command::Update, id, node.self())); }));
    EXPECT_TRUE(css_->host().await(has_come)) << "what follows a registration does not arrive" << breaks("messages");
    EXPECT_TRUE(say([&] { tell(node.self(), from_cloud(Command::Update, id)); }));
    EXPECT_TRUE(node.host().await(has_come)) << "what follows an acknowledgement does not arrive" << breaks("messages");
}

Message TransportTest::from_node(Command command, const std::string& object_id, const NodeKey& node) const {
    Message message;
    message.command = command;
    message.meta = full_object(object_key(object_id)).meta;
    message.meta.org = node.org;
    // A property is a scalar, however its text looks.
    message.meta.destination_policy->properties.back().value_json = "17";
    message.meta.origin_type = message.meta.destination_type = node.type;
    message.meta.origin_id = message.meta.destination_id = node.id;
    return message;
}

Message TransportTest::from_cloud(Command command, const std::string& object_id) const {
    Message message = from_node(command, object_id);
    message.meta.origin_type = kCloud.type;
    message.meta.origin_id = kCloud.id;
    return message;
}

void TransportTest::tell(const NodeKey& node, const Message& message) {
    if (down().sends_unasked) {
        css_->transport().send(node, message);
    } else {
        css_->host().queue(node, message);
    }
}

bool TransportTest::flows_again(std::chrono::milliseconds limit) {
    const std::string id = "flows" + std::to_string(++flows_);
    const auto has_arrived = [id](const Seen& seen) { return !seen.about(id).empty(); };
    const auto passes = [&](const std::function<void()>& say, RecordingHost& to) {
        return eventually(
            [&] {
                const auto failure = failure_of(say);
                if (failure && !is_of_the_line(failure)) ADD_FAILURE() << to_string(*failure);
                return to.await(has_arrived, failure ? 100ms : 1000ms);
            },
            limit);
    };
    return passes([&] { send(from_node(Command::Update, id)); }, css_->host()) &&
           passes([&] { tell(kNode, from_cloud(Command::Update, id)); }, ess_->host());
}

}  // namespace edgesync::conformance
