// Memory for bytes on their way: what a connection has read and not yet used, and big blocks that
// are lent for a body.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::edge {

/// Bytes read from a peer, in order. Views into it hold until the next `room` or `consume`.
class input_buffer {
  public:
    /// `first_bytes`: of its first memory; it doubles from there. A request's head is shorter than
    /// this, and many clients wait in one.
    explicit input_buffer(std::size_t first_bytes = 2048) noexcept : first_bytes_{first_bytes} {}

    [[nodiscard]] std::string_view view() const noexcept {
        return {data_.get() + begin_, end_ - begin_};
    }
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

    /// Free space behind the content; grows, up to `bytes_max` of content and space together.
    /// Empty: the limit is reached.
    [[nodiscard]] std::span<char> room(std::size_t bytes_max) {
        if (begin_ == end_)
            begin_ = end_ = 0;
        if (end_ == size_)
            make_room(bytes_max);
        return {data_.get() + end_, size_ - end_};
    }
    void filled(std::size_t bytes) noexcept { end_ += bytes; }
    void consume(std::size_t bytes) noexcept { begin_ += bytes; }
    /// Puts bytes behind the content (read further than wanted, by a body).
    void append(std::string_view bytes) {
        if (bytes.empty())
            return;
        while (size_ - end_ < bytes.size())
            make_room(size_ * 2 + bytes.size());
        std::memcpy(data_.get() + end_, bytes.data(), bytes.size());
        end_ += bytes.size();
    }
    /// Drops what is behind the first bytes of the content, and all room but theirs.
    void keep_only(std::size_t bytes) {
        std::unique_ptr<char[]> kept{new char[bytes]};
        std::memcpy(kept.get(), view().data(), bytes);
        data_ = std::move(kept);
        begin_ = 0;
        size_ = end_ = bytes;
    }
    /// The same where there is more of it than `bytes`.
    void release_beyond(std::size_t bytes) noexcept {
        if (size_ > bytes)
            release();
    }
    /// Gives the memory back when there is nothing in it.
    void release() noexcept {
        if (!empty())
            return;
        data_.reset();
        size_ = begin_ = end_ = 0;
    }

  private:
    void make_room(std::size_t bytes_max) {
        if (begin_ > 0) {
            std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
            end_ -= std::exchange(begin_, 0);
            return;
        }
        const std::size_t larger =
            size_ == 0 ? std::min(first_bytes_, bytes_max) : std::min(size_ * 2, bytes_max);
        if (larger <= size_)
            return;
        std::unique_ptr<char[]> grown{new char[larger]};
        if (end_ > 0)
            std::memcpy(grown.get(), data_.get(), end_);
        data_ = std::move(grown);
        size_ = larger;
    }

    std::size_t first_bytes_;
    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0, begin_ = 0, end_ = 0;
};

/// Blocks of 128 KiB, lent while a body is on its way. Large reads are what makes big bodies cheap.
class block_pool {
  public:
    static constexpr std::size_t block_bytes = 128 * 1024;
    static constexpr std::size_t kept_max = 32; // more than this many at rest go back to the system

    /// A block on loan; goes back to its pool, which must outlive it.
    class block {
      public:
        block() noexcept = default;
        block(block_pool& pool, std::unique_ptr<char[]> bytes) noexcept
            : pool_{&pool}, bytes_{std::move(bytes)} {}
        block(block&&) noexcept = default;
        block& operator=(block&& other) noexcept {
            give_back();
            pool_ = other.pool_;
            bytes_ = std::move(other.bytes_);
            return *this;
        }
        ~block() { give_back(); }
        [[nodiscard]] std::span<char> bytes() noexcept { return {bytes_.get(), block_bytes}; }
        explicit operator bool() const noexcept { return bytes_ != nullptr; }
        void give_back() noexcept {
            if (bytes_ && pool_->kept_.size() < kept_max)
                pool_->kept_.push_back(std::move(bytes_));
            bytes_.reset();
        }

      private:
        block_pool* pool_ = nullptr;
        std::unique_ptr<char[]> bytes_;
    };

    block_pool() { kept_.reserve(kept_max); }
    [[nodiscard]] block lend() {
        if (kept_.empty())
            return {*this, std::unique_ptr<char[]>{new char[block_bytes]}};
        std::unique_ptr<char[]> bytes = std::move(kept_.back());
        kept_.pop_back();
        return {*this, std::move(bytes)};
    }

  private:
    std::vector<std::unique_ptr<char[]>> kept_;
};

} // namespace postern::edge
