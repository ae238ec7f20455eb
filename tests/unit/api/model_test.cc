// Random sequences of calls against the model of an object's life. Each sequence runs in a node of its own; after each step everything
// that an application can see is compared with the model. EDGESYNC_MODEL_SEQUENCES runs more sequences, EDGESYNC_MODEL_SEED begins
// elsewhere.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "api_fixture.h"
#include "edgesync/sdk/codec.h"
#include "kernel/data/digest.h"
#include "kernel/delivery/inbound.h"
#include "object_model.h"

namespace edgesync::api {
namespace {

using model::Action;
using model::Step;

constexpr unsigned kFirstSeed = 1;
constexpr unsigned kSequences = 150;
constexpr int kSteps = 40;

/// A node of the service that takes the steps, beside the model.
class ModelledNode : public ApiTest {
public:
    ModelledNode(NodeRole role, bool has_node)
        : ApiTest(role), model_(role, has_node), destination_type_(has_node ? "camera" : "lamp"),
          peer_(role == NodeRole::Css ? NodeKey{"acme", "camera", "cam7"} : node_.cloud()) {
        if (role == NodeRole::Css) add_node("camera", "cam7");
    }
    void TestBody() override {}

    /// What differs from the model after the step; empty: nothing.
    std::string take(const Step& step) {
        const int expected = model_.apply(step);
        const int status = expected == 0 ? (send_message(step), 0) : ask(step);
        wait_for_verification(step.object);
        if (status != expected) return "answered " + std::to_string(status) + " instead of " + std::to_string(expected);
        for (int index = 0; index < model::kObjects; ++index) {
            if (const std::string problem = compare_object(index); !problem.empty()) return id_of(index) + ": " + problem;
        }
        return compare_lists();
    }

private:
    static std::string id_of(int index) { return "o" + std::to_string(index); }
    std::string target(int index, const std::string& operation = "") const { return object_target("model", id_of(index)) + operation; }

    std::string body_of(const Step& step) const {
        nlohmann::json meta = {{"objectID", id_of(step.object)}, {"objectType", "model"}};
        if (role_ == NodeRole::Css) meta["destinationType"] = destination_type_;
        meta["noData"] = (step.traits & model::NoData) != 0;
        meta["metaOnly"] = (step.traits & model::MetaOnly) != 0;
        meta["inactive"] = (step.traits & model::Inactive) != 0;
        meta["consumers"] = (step.traits & model::TwoConsumers) != 0 ? 2 : 1;
        if ((step.traits & model::BadSignature) != 0) {
            meta.update({{"hashAlgorithm", "SHA256"}, {"publicKey", "bm9uZQ=="}, {"signature", "bm9uZQ=="}});
        }
        nlohmann::json body = {{"meta", meta}};
        if (step.action == Action::PutData) body["data"] = codec::base64_encode("inline");
        return body.dump();
    }

    int ask(const Step& step) {
        const auto operation = [&](const char* name) { return put(target(step.object, name), "").status; };
        const auto chunk = [&](const char* range, const char* octets) {
            const std::string data = target(step.object, "/data");
            return send({.method = "PUT", .target = data, .body = octets, .headers = {{"Content-Range", range}}}).status;
        };
        switch (step.action) {
            case Action::PutMetadata:
            case Action::PutData: return put(target(step.object), body_of(step)).status;
            case Action::Upload: return put(target(step.object, "/data"), "uploaded").status;
            case Action::FirstChunk: return chunk("bytes 0-2/6", "abc");
            case Action::LastChunk: return chunk("bytes 3-5/6", "def");
            case Action::Delete: return remove(target(step.object)).status;
            case Action::MarkConsumed: return operation("/consumed");
            case Action::MarkReceived: return operation("/received");
            case Action::ConfirmDeleted: return operation("/deleted");
            case Action::Activate: return operation("/activate");
            case Action::MarkPolicyReceived: return operation("/policyreceived");
            default: return 0;
        }
    }

    Message message_about(const Step& step, Command command) {
        const auto object = stored("model", id_of(step.object));
        Message message;
        message.command = command;
        Metadata& meta = message.meta;
        meta.org = "acme";
        meta.object_type = "model";
        meta.object_id = id_of(step.object);
        meta.origin_type = peer_.type;
        meta.origin_id = peer_.id;
        meta.consumers = (step.traits & model::TwoConsumers) != 0 ? 2 : 1;
        meta.no_data = (step.traits & model::NoData) != 0;
        meta.object_size = 9;
        const bool is_new = command == Command::Update || !object;
        meta.instance_id = is_new ? std::max<InstanceId>(node_.now().time_since_epoch().count(), last_instance_[step.object]) + 1
                                  : object->meta.instance_id;
        meta.data_id = meta.instance_id;
        if (command == Command::Delete && object) meta = object->meta;
        if (command == Command::Delete && !object) meta.consumers = 1;
        return message;
    }

    void send_message(const Step& step) {
        if (step.action == Action::Deliver) return deliver(step);
        const std::pair<Action, Command> commands[] = {
            {Action::Announce, Command::Update},         {Action::PeerDelete, Command::Delete},
            {Action::AckConsumed, Command::AckConsumed}, {Action::AckDeleted, Command::AckDeleted},
            {Action::ReportReceived, Command::Received}, {Action::ReportConsumed, Command::Consumed},
            {Action::AckDelete, Command::AckDelete},
        };
        const auto row =
            std::find_if(std::begin(commands), std::end(commands), [&](const auto& pair) { return pair.first == step.action; });
        const Message message = message_about(step, row->second);
        operations_->run_and_wait<HandleResult>(
            [&](WriteTransaction& txn, rules::Effects& effects) { return delivery::handle_message(node_, txn, peer_, message, effects); });
    }

    void deliver(const Step& step) {
        const auto object = stored("model", id_of(step.object));
        if (!object) return;
        delivery::ReceivedData data;
        data.blob = store_->blobs().new_id();
        data.octets = "delivered";
        data.size = 9;
        data.sha256 = data::sha256_of(data.octets);
        operations_->run_and_wait<bool>([&](WriteTransaction& txn, rules::Effects& effects) {
            return delivery::complete_data(node_, txn, object->key(), object->meta.instance_id, data, effects);
        });
    }

    /// A chunk that completes signed data is answered before the data is checked.
    void wait_for_verification(int index) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (std::chrono::steady_clock::now() < end) {
            const auto object = stored("model", id_of(index));
            if (!object || object->status != ObjectStatus::Verifying) return;
            std::this_thread::yield();
        }
    }

    std::string compare_object(int index) {
        const model::Object& expected = model_.object(index);
        const Answer status = get(target(index, "/status"));
        const std::string seen = status.status == 200 ? status.body : std::to_string(status.status);
        const std::string wanted = expected.exists ? expected.status : "404";
        if (seen != wanted) return "status is " + seen + " instead of " + wanted;
        if (const std::string problem = compare_data(index); !problem.empty()) return problem;
        if (!expected.exists) return "";
        const auto meta = nlohmann::json::parse(get(target(index)).body);
        if (meta["deleted"] != expected.is_deleted) return "deleted is " + meta["deleted"].dump();
        if (expected.is_own && meta["inactive"] != expected.is_inactive) return "inactive is " + meta["inactive"].dump();
        if (meta["consumers"] != expected.consumers) return "consumers is " + meta["consumers"].dump();
        if (const std::string problem = compare_instance(index, meta["instanceID"].get<InstanceId>()); !problem.empty()) return problem;
        return role_ == NodeRole::Css ? compare_delivery(index) : "";
    }

    std::string compare_data(int index) {
        const Answer data = get(target(index, "/data"));
        const auto expected = model_.readable_data(index);
        const std::string seen = data.status == 200 ? data.body : std::to_string(data.status);
        const std::string wanted = expected.value_or("404");
        return seen == wanted ? "" : "data is " + seen + " instead of " + wanted;
    }

    /// A new version has a higher instance than all before it, and nothing else changes it.
    std::string compare_instance(int index, InstanceId instance) {
        const int version = model_.object(index).version;
        const InstanceId last = std::exchange(last_instance_[index], instance);
        const bool is_new = std::exchange(last_version_[index], version) != version;
        if (is_new ? instance > last : instance == last) return "";
        return "the instance id went from " + std::to_string(last) + " to " + std::to_string(instance);
    }

    std::string compare_delivery(int index) {
        const Answer answer = get(target(index, "/destinations"));
        const std::string seen = answer.status == 200 ? nlohmann::json::parse(answer.body)[0]["status"].get<std::string>() : "";
        const std::string& wanted = model_.object(index).delivery;
        return seen == wanted ? "" : "it is '" + seen + "' for its destination instead of '" + wanted + "'";
    }

    std::string compare_lists() {
        std::string updated;
        std::string received;
        std::string all;
        int order[model::kObjects] = {0, 1, 2};
        std::sort(std::begin(order), std::end(order), [this](int a, int b) { return last_instance_[a] < last_instance_[b]; });
        unsigned own = 0;
        for (const int index : order) {
            const model::Object& object = model_.object(index);
            if (object.exists && object.is_own && object.status != "objdeleted" && object.status != "consumedByDest") ++own;
            if (!object.exists || object.is_own) continue;
            const bool is_new = object.status == "completelyReceived" || object.status == "objdeleted";
            if (is_new) updated += id_of(index) + " ";
            if (is_new || object.status == "objreceived") received += id_of(index) + " ";
        }
        for (int index = 0; index < model::kObjects; ++index) {
            if (model_.object(index).exists) all += id_of(index) + " ";
        }
        const std::string type = role_ == NodeRole::Css ? "/objects/acme/model" : "/objects/model";
        for (const auto& [query, wanted] : {std::pair{"", updated}, {"?received=true", received}, {"?all_objects=true", all}}) {
            const std::string seen = ids(get(type + query));
            if (seen != wanted) return "the list " + std::string(query) + " is '" + seen + "' instead of '" + wanted + "'";
        }
        const auto usage = nlohmann::json::parse(get("/health?details=true").body)["usage"];
        return usage["storedObjects"] == own ? ""
                                             : "storedObjects is " + usage["storedObjects"].dump() + " instead of " + std::to_string(own);
    }

    static std::string ids(const Answer& answer) {
        if (answer.status != 200) return answer.status == 404 ? "" : std::to_string(answer.status);
        std::string text;
        for (const auto& item : nlohmann::json::parse(answer.body)) text += item["objectID"].get<std::string>() + " ";
        return text;
    }

    model::Model model_;
    const std::string destination_type_;
    const NodeKey peer_;
    InstanceId last_instance_[model::kObjects] = {0, 0, 0};
    int last_version_[model::kObjects] = {0, 0, 0};
};

struct Sequence {
    NodeRole role = NodeRole::Css;
    bool has_node = true;
    std::vector<Step> steps;
};

/// What is likely to happen next to an object in `status`.
std::vector<Action> plausible(const std::string& status) {
    if (status.empty()) return {Action::PutMetadata, Action::PutData, Action::Announce};
    if (status == "notReady") return {Action::Upload, Action::FirstChunk, Action::LastChunk};
    if (status == "ready") return {Action::ReportReceived, Action::ReportConsumed, Action::Delete, Action::Activate, Action::PutMetadata};
    if (status == "verificationFailed") return {Action::Upload, Action::PutMetadata};
    if (status == "partiallyreceived") return {Action::Deliver, Action::Announce};
    if (status == "objconsumed") return {Action::AckConsumed};
    if (status == "objdeleted") return {Action::ConfirmDeleted, Action::AckDeleted, Action::AckDelete};
    if (status == "consumedByDest") return {Action::PutMetadata, Action::Announce, Action::Delete};
    return {Action::MarkReceived, Action::MarkConsumed, Action::PeerDelete};
}

/// Half of the steps are plausible ones, so that late states are reached; the others are any.
Sequence make_sequence(NodeRole role, unsigned seed) {
    std::mt19937 random(seed);
    Sequence sequence{role, random() % 4 != 0, {}};
    model::Model model(role, sequence.has_node);
    for (int i = 0; i < kSteps; ++i) {
        Step step{static_cast<Action>(random() % model::kActions), static_cast<int>(random() % model::kObjects), 0};
        const auto likely = plausible(model.object(step.object).status);
        if (random() % 2 == 0) step.action = likely[random() % likely.size()];
        // Each trait is rare, or hardly any object would become ready.
        for (const auto trait : {model::NoData, model::MetaOnly, model::Inactive, model::TwoConsumers, model::BadSignature}) {
            if (random() % 5 == 0) step.traits |= trait;
        }
        model.apply(step);
        sequence.steps.push_back(step);
    }
    return sequence;
}

struct Failure {
    std::size_t steps = 0;  ///< The last of them showed it.
    std::string problem;
};

std::optional<Failure> run(const Sequence& sequence) {
    ModelledNode node(sequence.role, sequence.has_node);
    for (std::size_t i = 0; i < sequence.steps.size(); ++i) {
        std::string problem = node.take(sequence.steps[i]);
        if (!problem.empty()) return Failure{i + 1, std::move(problem)};
    }
    return std::nullopt;
}

/// Leaves out every step without which the sequence fails as well.
Failure shorten(Sequence& sequence, Failure failure) {
    sequence.steps.resize(failure.steps);
    for (std::size_t i = sequence.steps.size(); i-- > 0;) {
        Sequence shorter = sequence;
        shorter.steps.erase(shorter.steps.begin() + static_cast<std::ptrdiff_t>(i));
        if (auto still = run(shorter)) {
            failure = std::move(*still);
            shorter.steps.resize(failure.steps);
            sequence = std::move(shorter);
            i = std::min(i, sequence.steps.size());
        }
    }
    return failure;
}

unsigned number_from(const char* variable, unsigned usual) {
    const char* text = std::getenv(variable);
    return text == nullptr ? usual : static_cast<unsigned>(std::stoul(text));
}

class RandomCalls : public ::testing::TestWithParam<NodeRole> {};

TEST_P(RandomCalls, LeaveWhatTheModelSays) {
    const unsigned first = number_from("EDGESYNC_MODEL_SEED", kFirstSeed);
    const unsigned count = number_from("EDGESYNC_MODEL_SEQUENCES", kSequences);
    for (unsigned seed = first; seed < first + count; ++seed) {
        Sequence sequence = make_sequence(GetParam(), seed);
        const auto found = run(sequence);
        if (!found) continue;
        const Failure failure = shorten(sequence, *found);
        std::string steps;
        for (const Step& step : sequence.steps) steps += "  " + model::to_string(step) + "\n";
        FAIL() << "EDGESYNC_MODEL_SEED=" << seed << (sequence.has_node ? "" : ", no destination") << ", after\n"
               << steps << "  " << failure.problem;
    }
}

INSTANTIATE_TEST_SUITE_P(Roles, RandomCalls, ::testing::Values(NodeRole::Css, NodeRole::Ess),
                         [](const auto& value) { return value.param == NodeRole::Css ? "OnCss" : "OnEss"; });

}  // namespace
}  // namespace edgesync::api
