// A load of TLS connections, one request each: tls_load PORT CONNECTIONS SECONDS SESSIONS full|resumed
// Each of CONNECTIONS threads connects, shakes hands (with the ticket of its connection before, or without), asks, reads the
// answer, ends with close_notify, and does it again. One line of JSON at the end, as wrk's script prints it.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { threads_max = 1024, times_max = 1 << 16 };

static int port, sessions, resumes;
static double end_at;
static SSL_CTX *context;

struct visitor {
  int number;
  long requests, errors, statuses, resumed;
  unsigned *times; // µs; a ring
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// The answer's status, or 0.
static int visit(struct visitor *v, SSL_SESSION **kept) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int on = 1;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int status = 0;
  SSL *ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  if (resumes && *kept)
    SSL_set_session(ssl, *kept);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && SSL_connect(ssl) == 1) {
    char bytes[8192];
    const long i = (v->number * 7919L + v->requests * 31) % sessions;
    const int n = snprintf(bytes, sizeof bytes,
                           "GET /session/a%06ld/src/main.js HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n"
                           "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
                           "Connection: close\r\n\r\n", i, port);
    if (SSL_write(ssl, bytes, n) == n) {
      int got = 0, some;
      while (got < (int)sizeof bytes - 1 && (some = SSL_read(ssl, bytes + got, (int)sizeof bytes - 1 - got)) > 0)
        got += some;
      bytes[got] = 0;
      sscanf(bytes, "HTTP/1.1 %d", &status);
    }
    v->resumed += SSL_session_reused(ssl);
    if (resumes) {
      SSL_SESSION_free(*kept);
      *kept = SSL_get1_session(ssl);
    }
    SSL_shutdown(ssl);
  }
  SSL_free(ssl);
  close(fd);
  ERR_clear_error();
  return status;
}

static void *run(void *given) {
  struct visitor *v = given;
  SSL_SESSION *kept = NULL;
  for (double before = now(); before < end_at;) {
    const int status = visit(v, &kept);
    const double after = now();
    if (status) {
      v->times[v->requests++ % times_max] = (unsigned)((after - before) * 1e6);
      v->statuses += status < 200 || status > 299;
    } else {
      v->errors++;
    }
    before = after;
  }
  SSL_SESSION_free(kept);
  return NULL;
}

static int by_size(const void *a, const void *b) {
  const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 6)
    return 2;
  port = atoi(argv[1]);
  const int threads = atoi(argv[2]) < threads_max ? atoi(argv[2]) : threads_max;
  sessions = atoi(argv[4]);
  resumes = strcmp(argv[5], "resumed") == 0;
  context = SSL_CTX_new(TLS_client_method());
  const double began = now();
  end_at = began + atof(argv[3]);
  static struct visitor all[threads_max];
  static pthread_t ids[threads_max];
  for (int i = 0; i < threads; ++i) {
    all[i] = (struct visitor){.number = i, .times = malloc(times_max * sizeof(unsigned))};
    pthread_create(&ids[i], NULL, run, &all[i]);
  }
  long requests = 0, errors = 0, statuses = 0, resumed = 0, count = 0;
  for (int i = 0; i < threads; ++i) {
    pthread_join(ids[i], NULL);
    requests += all[i].requests, errors += all[i].errors, statuses += all[i].statuses, resumed += all[i].resumed;
  }
  unsigned *times = malloc((size_t)(requests + 1) * sizeof *times);
  for (int i = 0; i < threads; ++i)
    for (long j = 0; j < all[i].requests && j < times_max; ++j)
      times[count++] = all[i].times[j];
  qsort(times, (size_t)count, sizeof *times, by_size);
  printf("{\"requests\":%ld,\"duration_us\":%.0f,\"errors\":%ld,\"statuses\":%ld,\"resumed\":%ld,\"p50_us\":%u,\"p99_us\":%u}\n", requests,
         (now() - began) * 1e6, errors, statuses, resumed, count ? times[count / 2] : 0, count ? times[count * 99 / 100] : 0);
  return 0;
}
