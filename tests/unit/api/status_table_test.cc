// Every row of status_table.txt, each in a node of its own.
#include "status_table.h"

#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "api_fixture.h"
#include "callers.h"
#include "edgesync/sdk/codec.h"
#include "kernel/addressing/data_file.h"
#include "kernel/files/data_uri.h"
#include "kernel/security/acl_list.h"
#include "signer.h"
#include "spi_side.h"

namespace edgesync::api {
namespace {

constexpr char kData[] = "hello";

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

/// Takes the first word off the front.
std::string take_word(std::string& text) {
    const auto blank = text.find(' ');
    std::string word = text.substr(0, blank);
    text = blank == std::string::npos ? "" : text.substr(blank + 1);
    return word;
}

template <typename Enum>
Enum status_from(const std::string& text) {
    for (int i = 0; i < 32; ++i) {
        const auto status = static_cast<Enum>(i);
        if (to_string(status) == text) return status;
    }
    throw std::runtime_error("unknown status " + text);
}

ErrorKind kind_from(const std::string& text) {
    for (int i = 0; i <= static_cast<int>(ErrorKind::Internal); ++i) {
        const auto kind = static_cast<ErrorKind>(i);
        if (to_string(kind) == text) return kind;
    }
    throw std::runtime_error("unknown kind of error " + text);
}

/// "org:name:range"
PolicyService service_from(const std::string& text) {
    const auto first = text.find(':');
    const auto second = text.find(':', first + 1);
    return {text.substr(0, first), "*", text.substr(first + 1, second - first - 1), text.substr(second + 1)};
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) text.replace(at, what.size(), with);
}

const Signer& signer() {
    static const Signer signer;
    return signer;
}

std::string with_signature(std::string text) {
    static const std::string mark = "{signature of hello}";
    if (text.find(mark) != std::string::npos) replace_all(text, mark, signer().meta_for(kData));
    return text;
}

class StatusTable : public ApiTest, public ::testing::WithParamInterface<StatusRow> {
protected:
    StatusTable() : ApiTest(GetParam().role), spi_(context()) {}

    void prepare(const std::string& step);
    Answer ask(const std::string& caller, const std::string& method, std::string target, const std::string& body,
               std::vector<HttpHeader> headers);

private:
    void store_received(std::string arguments);
    void force_status(const std::string& status);
    void force_exchange(const std::string& status);
    void add_acl_entry(const std::string& arguments);
    void call(std::string arguments);
    void call_in_vain(std::string arguments);
    std::string body_from(std::string written);
    std::string publishing_body(const std::string& more, const std::optional<std::string>& octets) const;
    /// Puts what is known of acme/model/m1 and of the node in the place of {I}, {I+1}, {I-1}, {D} and {root}.
    void fill_in_versions(std::string& text);

    SpiSide spi_;
};

std::string StatusTable::publishing_body(const std::string& more, const std::optional<std::string>& octets) const {
    std::string body = R"({"meta":{"objectID":"m1","objectType":"model")" + (more.empty() ? "" : "," + more) + "}";
    if (octets) body += R"(,"data":")" + codec::base64_encode(*octets) + "\"";
    return body + "}";
}

std::string StatusTable::body_from(std::string written) {
    fill_in_versions(written);
    written = with_signature(written);
    std::string arguments = written;
    const std::string form = take_word(arguments);
    if (form == "-") return "";
    if (form == "meta") return publishing_body(arguments, std::nullopt);
    if (form == "data") return publishing_body(arguments, kData);
    if (form == "empty") return publishing_body(arguments, "");
    if (form == "octets") return std::string(std::stoul(arguments), 'x');
    if (form == "hook") return R"({"action":")" + take_word(arguments) + R"(","url":")" + arguments + "\"}";
    if (form == "metadata") {
        return R"({"objectID":"m1","objectType":"model","destinationOrgID":"acme","originType":"camera","originID":"cam7")" +
               (arguments.empty() ? "" : "," + arguments) + "}";
    }
    return written;
}

void StatusTable::fill_in_versions(std::string& text) {
    if (text.find('{') == std::string::npos) return;
    replace_all(text, "{root}", root_);
    const auto object = stored("model", "m1");
    const InstanceId instance = object ? object->meta.instance_id : 0;
    replace_all(text, "{I}", std::to_string(instance));
    replace_all(text, "{I+1}", std::to_string(instance + 1));
    replace_all(text, "{I-1}", std::to_string(instance - 1));
    replace_all(text, "{D}", std::to_string(object ? object->meta.data_id : 0));
    replace_all(text, "{1025}", std::string(1025, 'a'));
    replace_all(text, "{4096}", std::string(4096, 'a'));
    replace_all(text, "{4097}", std::string(4097, 'a'));
}

Answer StatusTable::ask(const std::string& caller, const std::string& method, std::string target, const std::string& body,
                        std::vector<HttpHeader> headers) {
    fill_in_versions(target);
    const std::string octets = body_from(body);
    if (!target.starts_with("/spi/")) return send({method, target, octets, std::move(headers), app_key(caller)});
    HttpRequest http;
    http.method = method;
    http.path = target.substr(0, target.find('?'));
    if (const auto mark = target.find('?'); mark != std::string::npos) http.query = target.substr(mark + 1);
    http.headers = std::move(headers);
    if (!http.has_header("X-Sync-Service-Dest")) http.headers.push_back({"X-Sync-Service-Dest", "acme/camera/cam7"});
    std::erase_if(http.headers, [](const HttpHeader& header) { return header.value == "{none}"; });
    const std::string key = app_key(caller);
    if (!key.empty()) http.headers.push_back({"Authorization", "Basic " + codec::base64_encode(key + ":secret")});
    http.content_length = static_cast<std::int64_t>(octets.size());
    return exchange(spi_.handler(), std::move(http), octets);
}

/// "STATUS [public] [consumers=N] [data] [policy=ORG:NAME:RANGE] [removed=ORG:NAME:RANGE] [uri=URI]"
void StatusTable::store_received(std::string arguments) {
    replace_all(arguments, "{root}", root_);
    const auto status = object_status_from(take_word(arguments));
    ASSERT_TRUE(status);
    receive("model", "m1", *status, [&](ObjectRecord& record) {
        for (const auto& word : words_of(arguments)) {
            const std::string value = word.substr(std::min(word.size(), word.find('=') + 1));
            if (word == "public") record.meta.is_public = true;
            if (word.starts_with("consumers="))
                record.remaining_consumers = record.remaining_receivers = record.meta.consumers = std::stoi(value);
            if (word.starts_with("uri=")) record.meta.destination_data_uri = value;
            if (word == "policy") record.meta.destination_policy.emplace();
            if (word.starts_with("policy=")) record.meta.destination_policy.emplace().services = {service_from(value)};
            if (word.starts_with("removed=")) record.removed_services = {service_from(value)};
        }
    });
    in_store([this](WriteTransaction& txn) {
        const auto object = *txn.object({"acme", "model", "m1"});
        const std::string path = files::path_or_nothing(object.meta.destination_data_uri);
        if (!path.empty()) addressing::claim_file(txn, object, path);
    });
    if (arguments.find("data") == std::string::npos) return;
    in_store([this](WriteTransaction& txn) {
        auto object = txn.object({"acme", "model", "m1"});
        BlobRecord blob;
        blob.id = store_->blobs().new_id();
        blob.owner = object->key();
        blob.state = BlobState::Published;
        blob.total = sizeof(kData) - 1;
        txn.put_small_data(blob, std::as_bytes(std::span(kData, sizeof(kData) - 1)));
        object->data = blob.id;
        txn.put_object(*object);
    });
}

void StatusTable::add_acl_entry(const std::string& arguments) {
    const auto words = words_of(arguments);
    const auto kind = words.at(0) == "objects" ? security::AclKind::Objects : security::AclKind::Destinations;
    security::AclEntry entry;
    entry.user_type = words.at(2) == "user" ? security::AclUserType::User : security::AclUserType::Node;
    entry.name = words.at(3);
    if (words.at(4) == "aclReader") entry.role = security::AclRole::Reader;
    if (words.at(4) == "aclWriter") entry.role = security::AclRole::Writer;
    in_store([&](WriteTransaction& txn) { security::put_acl(txn, "acme", kind, words.at(1), {entry}); });
}

void StatusTable::force_status(const std::string& status) {
    in_store([&](WriteTransaction& txn) {
        auto object = txn.object({"acme", "model", "m1"});
        object->status = status_from<ObjectStatus>(status);
        txn.put_object(*object);
    });
}

void StatusTable::force_exchange(const std::string& status) {
    in_store([&](WriteTransaction& txn) {
        const auto object = txn.object({"acme", "model", "m1"});
        NotificationRecord record;
        record.object = {"acme", "model", "m1"};
        record.peer = {"acme", "camera", "cam7"};
        record.status = status_from<NotificationStatus>(status);
        record.instance_id = object ? object->meta.instance_id : 0;
        txn.put_notification(record);
    });
}

void StatusTable::call(std::string arguments) {
    const std::string caller = take_word(arguments);
    const std::string method = take_word(arguments);
    const std::string target = take_word(arguments);
    std::vector<HttpHeader> headers;
    const std::string range = "Content-Range: ";
    if (arguments.starts_with(range)) {
        const std::string with = " with ";
        const auto body = arguments.find(with);
        headers.push_back({"Content-Range", arguments.substr(range.size(), body - range.size())});
        arguments = arguments.substr(body + with.size());
    }
    const Answer answer = ask(caller, method, target, arguments.empty() ? "-" : arguments, headers);
    ASSERT_LT(answer.status, 400) << "in the set-up: " << answer.body;
}

void StatusTable::call_in_vain(std::string arguments) {
    const int count = std::stoi(take_word(arguments));
    const auto words = words_of(arguments);
    for (int i = 0; i < count; ++i) ASSERT_GE(ask(words.at(0), words.at(1), words.at(2), "-", {}).status, 400);
}

/// One step of a row's set-up; the head of the table lists them.
void StatusTable::prepare(const std::string& step) {
    using Steps = std::map<std::string, std::function<void(const std::string&)>>;
    const Steps steps = {
        {"node", [this](const auto& id) { add_node("camera", id.empty() ? "cam7" : id); }},
        {"own", [this](const auto& more) { publish("model", "m1", more); }},
        {"waiting", [this](const auto& more) { publish("model", "m1", with_signature(more), std::nullopt); }},
        {"got", [this](const auto& arguments) { store_received(arguments); }},
        {"status", [this](const auto& status) { force_status(status); }},
        {"exchange", [this](const auto& status) { force_exchange(status); }},
        {"acl", [this](const auto& arguments) { add_acl_entry(arguments); }},
        {"do", [this](const auto& arguments) { call(arguments); }},
        {"fails", [this](const auto& arguments) { call_in_vain(arguments); }},
        {"set",
         [this](auto key) {
             auto name = take_word(key);
             settings_.values[name] = key;
         }},
        {"reads", [this](const auto& fail) { store_->reads_fail = kind_from(words_of(fail).at(1)); }},
        {"writes", [this](const auto& fail) { store_->writes_fail = kind_from(words_of(fail).at(1)); }},
        {"file",
         [this](auto name) {
             std::ofstream file(root_ + take_word(name));
             file << name;
         }},
        {"not", [this](const auto&) { is_running_ = false; }},
        {"workers", [this](const auto&) { worker_.is_full = true; }},
        {"single", [this](const auto&) { node_.self.org = "acme"; }},
    };
    std::string arguments = step;
    const auto found = steps.find(take_word(arguments));
    ASSERT_NE(found, steps.end()) << "unknown step " << step;
    found->second(arguments);
}

void expect_body(const std::string& body, std::string expected) {
    if (expected == "*") return;
    if (expected.starts_with("~")) {
        EXPECT_THAT(body, ::testing::HasSubstr(expected.substr(1)));
    } else if (expected.ends_with("...")) {
        EXPECT_THAT(body, ::testing::StartsWith(expected.substr(0, expected.size() - 3)));
    } else {
        EXPECT_EQ(body, expected);
    }
}

/// What every answer has, whatever its row says.
void expect_common_form(const StatusRow& row, const Answer& answer) {
    if (row.target.starts_with("/spi/")) return;
    EXPECT_EQ(answer.header("Cache-Control"), "no-store, no-cache, must-revalidate");
    EXPECT_EQ(answer.header("Pragma"), "no-cache");
    EXPECT_EQ(answer.header("Strict-Transport-Security"), "max-age=63072000; includeSubDomains; preload");
    EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(answer.header("WWW-Authenticate"), "");
    if (answer.status >= 400 && !answer.body.empty()) {
        EXPECT_EQ(answer.content_type, "text/plain; charset=utf-8");
    }
    if (answer.status == 204) {
        EXPECT_EQ(answer.body, "");
    }
}

TEST_P(StatusTable, Row) {
    const StatusRow& row = GetParam();
    SCOPED_TRACE("status_table.txt:" + std::to_string(row.line) + ": " + row.section + ": " + row.name);
    for (const auto& step : row.set_up) {
        prepare(step);
        if (HasFatalFailure()) return;
    }
    const Answer answer = ask(row.caller, row.method, row.target, row.body, row.headers);
    store_->reads_fail.reset();
    store_->writes_fail.reset();
    EXPECT_EQ(answer.status, row.status) << answer.body;
    expect_body(answer.body, row.answer);
    for (const auto& header : row.answer_headers) {
        const std::string value = header.name == "Content-Type" ? answer.content_type : answer.header(header.name);
        EXPECT_EQ(value, header.value) << header.name;
    }
    if (answer.status != 413 || answer.body != "by the listener") expect_common_form(row, answer);
    if (row.then == "-") return;
    const auto object = stored("model", "m1");
    EXPECT_EQ(object ? std::string(to_string(object->status)) : "none", row.then) << "afterwards";
}

std::string test_name(const ::testing::TestParamInfo<StatusRow>& row) {
    std::string name;
    bool starts_word = true;
    for (const char c : row.param.section + " " + std::to_string(row.param.number) + " " + row.param.name) {
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (is_letter) name += starts_word && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        if (c == '.' || (!is_letter && !name.empty() && name.back() >= '0' && name.back() <= '9')) name += '_';
        starts_word = !is_letter;
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(Rows, StatusTable, ::testing::ValuesIn(read_status_table(EDGESYNC_STATUS_TABLE)), test_name);

}  // namespace
}  // namespace edgesync::api
