// Load by WebSocket: N connections, each sends a small frame, waits for its echo, sends the next.
//
//   sockets_load PORT CONNECTIONS SECONDS SESSIONS
//
// Connection i uses /session/aNNNNNN/ws with NNNNNN = i modulo SESSIONS. Prints one line of JSON, as load.lua does.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { payload_bytes = 32, frame_out = 6 + payload_bytes, frame_in = 2 + payload_bytes, slow_us = 1000000 };

struct socket_end { int fd; size_t have; uint64_t sent_ns; };

static uint32_t latencies[slow_us + 1]; // how many took so many microseconds
static unsigned char frame[frame_out];

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int open_socket(int port, int session) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    char head[1024];
    const int size = sprintf(head,
                             "GET /session/a%06d/ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                             session, port);
    if (connect(fd, (struct sockaddr*)&to, sizeof to) != 0 || send(fd, head, (size_t)size, 0) != size) return -1;
    size_t have = 0;
    while (have < sizeof head - 1) {
        const ssize_t n = recv(fd, head + have, sizeof head - 1 - have, 0);
        if (n <= 0) return -1;
        have += (size_t)n;
        head[have] = 0;
        if (strstr(head, "\r\n\r\n")) return strncmp(head, "HTTP/1.1 101", 12) == 0 ? fd : -1;
    }
    return -1;
}

static int send_frame(struct socket_end* s) {
    s->sent_ns = now_ns();
    return send(s->fd, frame, sizeof frame, MSG_NOSIGNAL) == (ssize_t)sizeof frame ? 0 : -1;
}

static unsigned quantile(uint64_t count, double part) {
    uint64_t seen = 0;
    for (unsigned us = 0; us <= slow_us; ++us)
        if ((seen += latencies[us]) >= (uint64_t)((double)count * part)) return us;
    return slow_us;
}

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    const int port = atoi(argv[1]), count = atoi(argv[2]), sessions = atoi(argv[4]);
    frame[0] = 0x82; // final, binary
    frame[1] = 0x80 | payload_bytes;
    for (int i = 2; i < frame_out; ++i) frame[i] = (unsigned char)(i * 37);
    struct socket_end* ends = calloc((size_t)count, sizeof *ends);
    const int epoll = epoll_create1(0);
    uint64_t done = 0, errors = 0;
    for (int i = 0; i < count; ++i) {
        ends[i].fd = open_socket(port, i % sessions);
        if (ends[i].fd < 0) { ++errors; continue; }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &ends[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, ends[i].fd, &event);
    }
    const uint64_t start = now_ns(), stop = start + (uint64_t)(atof(argv[3]) * 1e9);
    for (int i = 0; i < count; ++i)
        if (ends[i].fd >= 0 && send_frame(&ends[i]) != 0) ++errors;
    while (now_ns() < stop) {
        struct epoll_event events[256];
        const int ready = epoll_wait(epoll, events, 256, 100);
        for (int i = 0; i < ready; ++i) {
            struct socket_end* s = events[i].data.ptr;
            char in[4096];
            const ssize_t n = recv(s->fd, in, sizeof in, MSG_DONTWAIT);
            if (n <= 0) {
                ++errors;
                close(s->fd);
                continue;
            }
            s->have += (size_t)n;
            if (s->have < frame_in) continue;
            s->have -= frame_in;
            const uint64_t us = (now_ns() - s->sent_ns) / 1000;
            ++latencies[us < slow_us ? us : slow_us];
            ++done;
            if (send_frame(s) != 0) ++errors;
        }
    }
    printf("{\"requests\":%llu,\"duration_us\":%llu,\"errors\":%llu,\"statuses\":0,\"p50_us\":%u,\"p99_us\":%u}\n",
           (unsigned long long)done, (unsigned long long)((now_ns() - start) / 1000), (unsigned long long)errors,
           quantile(done, 0.5), quantile(done, 0.99));
    return 0;
}
