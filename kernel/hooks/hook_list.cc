#include "kernel/hooks/hook_list.h"

#include <algorithm>

#include "edgesync/sdk/error.h"

namespace edgesync::hooks {
namespace {

bool equal_texts(const std::string& a, const std::string& b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

void register_hook(WriteTransaction& txn, const std::string& org, const std::string& type, const std::string& url) {
    if (txn.entry(EntryTable::Webhook, {org, type, url})) return;
    if (hooks_of(txn, org, type).size() >= kMostHooks) {
        throw Error(ErrorKind::InvalidRequest, "The type " + type + " has " + std::to_string(kMostHooks) + " webhooks already");
    }
    txn.put_entry(EntryTable::Webhook, {org, type, url}, "");
}

void remove_hook(WriteTransaction& txn, const std::string& org, const std::string& type, const std::string& url) {
    const auto urls = hooks_of(txn, org, type);
    const auto found = std::find_if(urls.begin(), urls.end(), [&](const std::string& known) { return equal_texts(known, url); });
    if (found != urls.end()) txn.erase_entry(EntryTable::Webhook, {org, type, *found});
}

std::vector<std::string> hooks_of(ReadTransaction& txn, const std::string& org, const std::string& type) {
    std::vector<std::string> urls;
    for (const auto& entry : txn.entries(EntryTable::Webhook, {org, type}, "", kMostHooks).items) urls.push_back(entry.key.at(2));
    return urls;
}

bool has_hooks(ReadTransaction& txn, const std::string& org, const std::string& type) {
    return !txn.entries(EntryTable::Webhook, {org, type}, "", 1).items.empty();
}

}  // namespace edgesync::hooks
