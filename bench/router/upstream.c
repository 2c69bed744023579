// What stands behind the router: answers of fixed size on several ports, so cheap that the router is what is measured.
// One thread, epoll, keep-alive for ever. By the end of the path:
//
//   /big   1 MiB          /echo   the request head, as received
//   /ws    101, then each masked 32-byte frame comes back unmasked
//   other  1 KiB
//
// upstream PORT...
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { head_max = 16 * 1024, payload_bytes = 32, frame_in = 6 + payload_bytes, frame_out = 2 + payload_bytes };

struct answer { char* bytes; size_t size; };

struct connection {
    int fd, is_listener, is_socket; // is_socket: speaks WebSocket now
    size_t have;
    const char* left; // of an answer
    size_t left_size;
    char in[head_max];
};

static struct answer small, small_closing, big, switched;
static int epoll;

static struct answer make_answer(size_t body_bytes, const char* connection) {
    struct answer answer;
    answer.bytes = malloc(body_bytes + 512);
    // The fields of a dev server's answer, so that there is something to read and to pass on.
    const int head = sprintf(answer.bytes,
                             "HTTP/1.1 200 OK\r\nVary: Origin\r\nContent-Type: text/javascript\r\n"
                             "Cache-Control: no-cache\r\nEtag: W/\"400-vJ1sZ6WcDxRj3p3h4aWvYq8cE0g\"\r\n"
                             "Date: Sat, 21 Nov 2026 04:13:00 GMT\r\nConnection: %s\r\n"
                             "Keep-Alive: timeout=5\r\nContent-Length: %zu\r\n\r\n",
                             connection, body_bytes);
    memset(answer.bytes + head, 'x', body_bytes);
    answer.size = (size_t)head + body_bytes;
    return answer;
}

static void end(struct connection* c) {
    close(c->fd);
    free(c);
}

// -1: the connection is gone.
static int put(struct connection* c, const char* bytes, size_t size) {
    const ssize_t n = send(c->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) return -1;
    c->left_size = size - (n < 0 ? 0 : (size_t)n);
    c->left = bytes + (size - c->left_size);
    return 0;
}

static int echo_frames(struct connection* c) {
    char out[head_max];
    size_t in_at = 0, out_size = 0;
    for (; c->have - in_at >= frame_in; in_at += frame_in) {
        const char* frame = c->in + in_at;
        out[out_size++] = frame[0];
        out[out_size++] = payload_bytes;
        for (int i = 0; i < payload_bytes; ++i) out[out_size++] = (char)(frame[6 + i] ^ frame[2 + i % 4]);
    }
    c->have -= in_at;
    memmove(c->in, c->in + in_at, c->have);
    // Few and small: a socket that cannot take them is broken.
    return out_size == 0 || send(c->fd, out, out_size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)out_size ? 0 : -1;
}

static int echo_head(struct connection* c, size_t size) {
    char out[head_max + 256];
    const int head = sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", size);
    memcpy(out + head, c->in, size);
    const size_t all = (size_t)head + size;
    return send(c->fd, out, all, MSG_NOSIGNAL) == (ssize_t)all ? 0 : -1;
}

static int ends_in(const char* start, const char* end, const char* what) {
    const size_t size = strlen(what);
    return (size_t)(end - start) >= size && memcmp(end - size, what, size) == 0;
}

static int answer_head(struct connection* c, size_t size) {
    const char* path_end = memmem(c->in, size, " HTTP/", 6);
    if (!path_end) return -1;
    if (ends_in(c->in, path_end, "/big")) return put(c, big.bytes, big.size);
    if (ends_in(c->in, path_end, "/echo")) return echo_head(c, size);
    if (ends_in(c->in, path_end, "/ws")) {
        c->is_socket = 1;
        return put(c, switched.bytes, switched.size);
    }
    // Only the relay passes a client's Connection: close on; it is the one that closes then.
    if (memmem(c->in, size, "\r\nConnection: close\r\n", 21)) return put(c, small_closing.bytes, small_closing.size);
    return put(c, small.bytes, small.size);
}

static int answer_all(struct connection* c) {
    for (;;) {
        if (c->is_socket) return echo_frames(c);
        const char* head_end = c->have < 4 ? NULL : memmem(c->in, c->have, "\r\n\r\n", 4);
        if (!head_end) return c->have == head_max ? -1 : 0;
        const size_t size = (size_t)(head_end - c->in) + 4;
        if (answer_head(c, size) != 0) return -1;
        c->have -= size;
        memmove(c->in, c->in + size, c->have);
        if (c->have == 0 || c->left_size > 0) return 0;
    }
}

static void take(struct connection* c) {
    if (c->left_size > 0) return; // answers are taken first
    for (;;) {
        const size_t room = head_max - c->have;
        const ssize_t n = recv(c->fd, c->in + c->have, room, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) break;
        c->have += (size_t)n;
        if (answer_all(c) != 0) break;
        if ((size_t)n < room) return;
    }
    end(c);
}

static void watch(int fd, int is_listener) {
    struct connection* c = calloc(1, sizeof *c);
    c->fd = fd;
    c->is_listener = is_listener;
    struct epoll_event event = {.data.ptr = c};
    event.events = is_listener ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) perror("epoll_ctl");
}

static void listen_on(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr*)&at, sizeof at) != 0 || listen(fd, 1024) != 0) {
        perror("listen");
        exit(1);
    }
    watch(fd, 1);
}

int main(int argc, char** argv) {
    static char switching[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    small = make_answer(1024, "keep-alive");
    small_closing = make_answer(1024, "close");
    big = make_answer(1024 * 1024, "keep-alive");
    switched = (struct answer){switching, sizeof switching - 1};
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 1; i < argc; ++i) listen_on(atoi(argv[i]));
    for (;;) {
        struct epoll_event events[256];
        const int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; ++i) {
            struct connection* c = events[i].data.ptr;
            if (c->is_listener) {
                int fd;
                while ((fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) watch(fd, 0);
                continue;
            }
            if (c->left_size > 0 && (events[i].events & EPOLLOUT) && put(c, c->left, c->left_size) != 0) {
                end(c);
                continue;
            }
            if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) take(c);
        }
    }
}
