// The keys that TLS session tickets are sealed with: in memory that the master shares with all
// workers, so that a ticket holds on each of them and over reloads.
#pragma once

#include "base/error.hpp"

#include <array>
#include <cstdint>

namespace postern::edge {

/// One key with its name, which stands in each ticket in the clear (RFC 5077 4).
struct ticket_key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher; // AES-256-CBC
    std::array<unsigned char, 32> mac;    // HMAC-SHA-256
};

/// Two keys, the present one and the one before; no third is kept anywhere, so that what was said
/// under it stays closed (forward secrecy). One process rotates (the master), any may read; a
/// reader takes no lock. In the parent of all that use them: made before the first fork. Not
/// swapped, not in core dumps.
class ticket_keys {
  public:
    enum class found { nowhere, present, before };

    /// Errors: mmap(2)'s; not_enough_memory where no random bytes are to be had.
    [[nodiscard]] static base::result<ticket_keys> make();
    ticket_keys() noexcept = default;
    ticket_keys(ticket_keys&& other) noexcept;
    ticket_keys& operator=(ticket_keys&& other) noexcept;
    ~ticket_keys();

    /// Makes a new key; the one before the present one is overwritten. False: there are no random
    /// bytes, and all is as it was.
    [[nodiscard]] bool rotate() noexcept;

    /// The key to seal with. False: the writer died in mid-rotation (then there is no ticket).
    [[nodiscard]] bool present(ticket_key& out) const noexcept;
    /// The key with this name (16 bytes).
    [[nodiscard]] found find(const unsigned char* name, ticket_key& out) const noexcept;

  private:
    struct shared;
    explicit ticket_keys(shared* page) noexcept : shared_{page} {}
    void put(std::size_t place, const ticket_key& key) noexcept;
    [[nodiscard]] bool read(std::array<ticket_key, 2>& out) const noexcept;

    shared* shared_ = nullptr;
};

/// Overwrites a key in a way that is not optimised out.
void forget(ticket_key& key) noexcept;

} // namespace postern::edge
