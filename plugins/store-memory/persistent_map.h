// An ordered map whose copies are snapshots: copying is O(1), and a changed copy shares all untouched nodes with the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace edgesync::memory {

/// Names one series of changes (a transaction). Nodes made in the same edit are changed in place, all others are copied first.
using Edit = std::uint64_t;

/// A treap with path copying; find, put and erase are O(log n).
///
/// Threads: const calls on any copy may run beside changes of another copy, because a node is only ever changed by the edit
/// that made it. Hence a copy that was handed to readers must never be changed again with the edit that made it.
template <typename Key, typename Value>
class PersistentMap {
public:
    std::size_t size() const noexcept { return size_; }

    /// Null if absent; valid while this copy, or another one with the same entry, lives unchanged.
    const Value* find(const Key& key) const {
        const Node* node = root_.get();
        while (node) {
            const auto order = key <=> node->item->first;
            if (order == 0) return &node->item->second;
            node = order < 0 ? node->left.get() : node->right.get();
        }
        return nullptr;
    }

    /// Inserts or replaces.
    void put(Edit edit, Key key, Value value) {
        auto item = std::make_shared<const Item>(std::move(key), std::move(value));
        root_ = put_below(edit, std::move(root_), item);
    }

    /// Absent is fine.
    void erase(Edit edit, const Key& key) {
        if (!find(key)) return;
        root_ = erase_below(edit, std::move(root_), key);
        --size_;
    }

    /// Calls f(key, value) in key order from the first key >= `from` (or > `from`) until f returns false.
    template <typename F>
    void visit_from(const Key& from, bool is_inclusive, F&& f) const {
        visit_from(root_.get(), from, is_inclusive, f);
    }

    template <typename F>
    void visit(F&& f) const {
        visit_all(root_.get(), f);
    }

private:
    using Item = std::pair<Key, Value>;
    struct Node;
    using Link = std::shared_ptr<Node>;
    struct Node {
        std::shared_ptr<const Item> item;
        std::uint64_t priority;
        Edit edit;
        Link left;
        Link right;
    };

    /// SplitMix64: the priorities must only be unrelated to the order of the keys.
    std::uint64_t next_priority() noexcept {
        std::uint64_t z = (seed_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

    static Link own(Edit edit, Link node) {
        if (node->edit == edit) return node;
        return std::make_shared<Node>(Node{node->item, node->priority, edit, node->left, node->right});
    }

    Link put_below(Edit edit, Link node, const std::shared_ptr<const Item>& item) {
        if (!node) {
            ++size_;
            return std::make_shared<Node>(Node{item, next_priority(), edit, nullptr, nullptr});
        }
        node = own(edit, std::move(node));
        const auto order = item->first <=> node->item->first;
        if (order == 0) {
            node->item = item;
        } else if (order < 0) {
            node->left = put_below(edit, std::move(node->left), item);
            if (node->left->priority > node->priority) return rotate_right(std::move(node));
        } else {
            node->right = put_below(edit, std::move(node->right), item);
            if (node->right->priority > node->priority) return rotate_left(std::move(node));
        }
        return node;
    }

    // Both nodes were made or copied by the running edit.
    static Link rotate_right(Link node) {
        Link top = std::move(node->left);
        node->left = std::move(top->right);
        top->right = std::move(node);
        return top;
    }

    static Link rotate_left(Link node) {
        Link top = std::move(node->right);
        node->right = std::move(top->left);
        top->left = std::move(node);
        return top;
    }

    static Link erase_below(Edit edit, Link node, const Key& key) {
        const auto order = key <=> node->item->first;
        if (order == 0) return join(edit, node->left, node->right);
        node = own(edit, std::move(node));
        Link& side = order < 0 ? node->left : node->right;
        side = erase_below(edit, std::move(side), key);
        return node;
    }

    static Link join(Edit edit, Link left, Link right) {
        if (!left) return right;
        if (!right) return left;
        if (left->priority > right->priority) {
            left = own(edit, std::move(left));
            left->right = join(edit, std::move(left->right), std::move(right));
            return left;
        }
        right = own(edit, std::move(right));
        right->left = join(edit, std::move(left), std::move(right->left));
        return right;
    }

    template <typename F>
    static bool visit_all(const Node* node, F& f) {
        if (!node) return true;
        return visit_all(node->left.get(), f) && f(node->item->first, node->item->second) && visit_all(node->right.get(), f);
    }

    template <typename F>
    static bool visit_from(const Node* node, const Key& from, bool is_inclusive, F& f) {
        if (!node) return true;
        const auto order = node->item->first <=> from;
        if (order < 0 || (order == 0 && !is_inclusive)) return visit_from(node->right.get(), from, is_inclusive, f);
        return visit_from(node->left.get(), from, is_inclusive, f) && f(node->item->first, node->item->second) &&
               visit_all(node->right.get(), f);
    }

    Link root_;
    std::size_t size_ = 0;
    std::uint64_t seed_ = 0;
};

struct Nothing {};

template <typename Key>
using PersistentSet = PersistentMap<Key, Nothing>;

}  // namespace edgesync::memory
