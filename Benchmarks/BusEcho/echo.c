/* The bare thing that the bus is measured against, and the load for both: libzmq in C and nothing else.
 *
 *   BusEcho serve ENDPOINT                              a ROUTER that sends each message back, frame by frame
 *   BusEcho load ENDPOINT CLIENTS WINDOW MILLISECONDS [REQUESTS [VERB [BODY]]]
 *       CLIENTS threads, each with a DEALER and WINDOW requests under way, for so long or so many requests;
 *       prints one JSON object: requests, those not answered ok, seconds, percentiles of the time from request to answer in
 *       microseconds; @TIME@ in BODY becomes a time a month ahead, another minute for each request
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

static void die(const char *what)
{
   fprintf(stderr, "BusEcho: %s: %s\n", what, zmq_strerror(zmq_errno()));
   exit(1);
}

static int64_t now(void)
{
   struct timespec time;
   clock_gettime(CLOCK_MONOTONIC, &time);
   return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

_Noreturn static void serve(const char *endpoint)
{
   void *context = zmq_ctx_new();
   void *socket = zmq_socket(context, ZMQ_ROUTER);
   zmq_msg_t frame;

   if (zmq_bind(socket, endpoint) != 0) die("bind");
   zmq_msg_init(&frame);
   for (;;) {
      if (zmq_msg_recv(&frame, socket, 0) < 0) {
         if (errno == EINTR) continue;
         die("receive");
      }
      if (zmq_msg_send(&frame, socket, zmq_msg_more(&frame) ? ZMQ_SNDMORE : 0) < 0) die("send");
   }
}

/* How long answers took, in microseconds up to 100 ms; the last bucket holds the rest. */
enum { BUCKETS = 100001 };

struct load {
   void *context;
   const char *endpoint;
   int window;
   int64_t until;
   atomic_long *left;   /* requests that may still be begun */
   pthread_t thread;
   long requests, failed;
   int64_t longest;
   uint32_t *buckets;
};

static const char *verb = "host.ping";
static const char *content = "{\"n\":1}";

static void begin(void *socket, long number)
{
   char header[128], body[2048];
   const char *bytes = content, *mark = strstr(content, "@TIME@");
   int size = snprintf(header, sizeof header, "BERTH/1 %s %ld", verb, number);
   if (mark != NULL) {
      char when[32];
      time_t at = time(NULL) + 30 * 86400 + 60 * number;
      struct tm parts;
      strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &parts));
      snprintf(body, sizeof body, "%.*s%s%s", (int)(mark - content), content, when, mark + 6);
      bytes = body;
   }
   if (zmq_send(socket, header, (size_t)size, ZMQ_SNDMORE) < 0 || zmq_send(socket, bytes, strlen(bytes), 0) < 0) die("send");
}

static void *run(void *argument)
{
   struct load *load = argument;
   void *socket = zmq_socket(load->context, ZMQ_DEALER);
   int patience = 30000, linger = 0, none = 0;
   long begun = 0;
   zmq_msg_t header, body;
   int64_t *times = calloc((size_t)load->window, sizeof *times);

   zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience);
   zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
   zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none);
   if (times == NULL || zmq_connect(socket, load->endpoint) != 0) die("connect");
   zmq_msg_init(&header);
   zmq_msg_init(&body);
   while (begun < load->window && atomic_fetch_sub(load->left, 1) > 0) {
      times[begun % load->window] = now();
      begin(socket, begun++);
   }
   while (load->requests < begun) {
      if (zmq_msg_recv(&header, socket, 0) < 0 || zmq_msg_recv(&body, socket, 0) < 0 || zmq_msg_more(&body)) die("receive");
      /* Answers of one connection come in the order of its requests: the load asks one verb alone. */
      int64_t at = now(), took = (at - times[load->requests % load->window]) / 1000;
      load->requests++;
      if (zmq_msg_size(&header) < 11 || memcmp(zmq_msg_data(&header), "BERTH/1 ok ", 11) != 0) load->failed++;
      load->buckets[took < BUCKETS - 1 ? took : BUCKETS - 1]++;
      if (took > load->longest) load->longest = took;
      if (at < load->until && atomic_fetch_sub(load->left, 1) > 0) {
         times[begun % load->window] = now();
         begin(socket, begun++);
      }
   }
   zmq_msg_close(&header);
   zmq_msg_close(&body);
   zmq_close(socket);
   free(times);
   return NULL;
}

static long percentile(const uint64_t *buckets, long requests, double share)
{
   uint64_t seen = 0;
   for (long bucket = 0; bucket < BUCKETS; bucket++)
      if ((seen += buckets[bucket]) >= (uint64_t)((double)requests * share)) return bucket;
   return BUCKETS - 1;
}

static int load(const char *endpoint, int clients, int window, int milliseconds, long requests)
{
   void *context = zmq_ctx_new();
   struct load *loads = calloc((size_t)clients, sizeof *loads);
   uint64_t *buckets = calloc(BUCKETS, sizeof *buckets);
   atomic_long left = requests;
   long done = 0, failed = 0;
   int64_t longest = 0, start = now();

   if (loads == NULL || buckets == NULL) die("memory");
   for (int index = 0; index < clients; index++) {
      loads[index] = (struct load){.context = context, .endpoint = endpoint, .window = window, .left = &left,
                                   .until = start + (int64_t)milliseconds * 1000000, .buckets = calloc(BUCKETS, sizeof(uint32_t))};
      if (loads[index].buckets == NULL || pthread_create(&loads[index].thread, NULL, run, &loads[index]) != 0) die("thread");
   }
   for (int index = 0; index < clients; index++) {
      pthread_join(loads[index].thread, NULL);
      done += loads[index].requests;
      failed += loads[index].failed;
      if (loads[index].longest > longest) longest = loads[index].longest;
      for (long bucket = 0; bucket < BUCKETS; bucket++) buckets[bucket] += loads[index].buckets[bucket];
   }
   printf("{\"requests\":%ld,\"failed\":%ld,\"seconds\":%.6f,\"p50_us\":%ld,\"p99_us\":%ld,\"longest_us\":%ld}\n", done, failed,
          (double)(now() - start) / 1e9,
          percentile(buckets, done, 0.5), percentile(buckets, done, 0.99), (long)longest);
   zmq_ctx_term(context);
   return 0;
}

int main(int count, char **words)
{
   prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
   if (count == 3 && strcmp(words[1], "serve") == 0) serve(words[2]);
   if (count > 7) {
      verb = words[7];
      content = count > 8 ? words[8] : "{}";
   }
   if (count >= 6 && strcmp(words[1], "load") == 0)
      return load(words[2], atoi(words[3]), atoi(words[4]), atoi(words[5]), count > 6 ? atol(words[6]) : INT64_MAX);
   fprintf(stderr, "usage: BusEcho serve ENDPOINT | load ENDPOINT CLIENTS WINDOW MILLISECONDS [REQUESTS [VERB [BODY]]]\n");
   return 2;
}
