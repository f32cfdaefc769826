/* A client of Berth in C on libzmq alone; docs/protocol.md is all it knows.
 *
 *   client ENDPOINT plugins                     lists plugins
 *   client ENDPOINT request VERB [JSON]         sends one request, prints the answer
 *   client ENDPOINT events [AFTER [PAGES]]      follows events, one answer a line; AFTER -1 (the default) is from now on
 *
 * Over TCP, BERTH_KEY_FILE names the file that `berth keys new` wrote.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { SECONDS = 30 };

static void die(const char *what)
{
   fprintf(stderr, "client: %s\n", what);
   exit(1);
}

/* The text of one field of a key file, which is flat JSON with one field a line. */
static void field(const char *file, const char *name, char value[41])
{
   char line[512], pattern[64];
   FILE *stream = fopen(file, "r");
   if (stream == NULL) die("cannot read the key file");
   snprintf(pattern, sizeof pattern, "\"%s\"", name);
   value[0] = 0;
   while (fgets(line, sizeof line, stream) != NULL) {
      char *at = strstr(line, pattern);
      if (at == NULL || (at = strchr(at, ':')) == NULL || (at = strchr(at, '"')) == NULL) continue;
      /* A key has 40 characters; JSON may write some of them with a backslash. */
      size_t count = 0;
      for (at++; *at != '"' && *at != 0 && count < 40; at++) {
         if (*at == '\\') at++;
         value[count++] = *at;
      }
      value[count] = 0;
   }
   fclose(stream);
   if (strlen(value) != 40) die("the key file lacks a key");
}

static void use_keys(void *socket)
{
   const char *file = getenv("BERTH_KEY_FILE");
   char host[41], own[41], secret[41];
   if (file == NULL) die("over TCP BERTH_KEY_FILE must name a key: berth keys new NAME on the host makes one");
   field(file, "host", host);
   field(file, "public", own);
   field(file, "secret", secret);
   zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, host, 41);
   zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own, 41);
   zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, 41);
}

/* One request and its answer, which the caller frees. True: it was done. */
static bool ask(void *socket, int number, const char *verb, const char *body, char **answer)
{
   char header[256], status[64];
   int echoed = -1;
   zmq_msg_t first, second;

   snprintf(header, sizeof header, "BERTH/1 %s %d deadline=%d", verb, number, SECONDS * 1000);
   if (zmq_send(socket, header, strlen(header), ZMQ_SNDMORE) < 0 || zmq_send(socket, body, strlen(body), 0) < 0) die("cannot send");

   zmq_msg_init(&first);
   zmq_msg_init(&second);
   if (zmq_msg_recv(&first, socket, 0) < 0 || !zmq_msg_more(&first) || zmq_msg_recv(&second, socket, 0) < 0)
      die("no answer; is the host running?");
   snprintf(header, sizeof header, "%.*s", (int)zmq_msg_size(&first), (const char *)zmq_msg_data(&first));
   if (sscanf(header, "BERTH/1 %63s %d", status, &echoed) != 2 || echoed != number) die("this is no answer");
   *answer = strndup(zmq_msg_data(&second), zmq_msg_size(&second));
   if (*answer == NULL) die("no memory");
   zmq_msg_close(&first);
   zmq_msg_close(&second);
   return strcmp(status, "ok") == 0;
}

/* Prints NAME and STATE of each plugin: just enough JSON for objects whose first fields are these two. */
static void print_plugins(const char *answer)
{
   char name[128], state[64];
   for (const char *at = answer; (at = strstr(at, "{\"name\":\"")) != NULL; at++)
      if (sscanf(at, "{\"name\":\"%127[^\"]\",\"state\":\"%63[^\"]\"", name, state) == 2) printf("%s %s\n", name, state);
}

static int follow(void *socket, long long after, long pages)
{
   for (int number = 1; pages != 0; number++) {
      char body[128], *answer, *next;
      snprintf(body, sizeof body, "{\"after\":%lld,\"wait_ms\":%d}", after, after < 0 ? 0 : 20000);
      bool done = ask(socket, number, "events.since", body, &answer);
      bool is_empty = strncmp(answer, "{\"events\":[]", 12) == 0;
      if (!done || !is_empty) puts(answer);
      fflush(stdout);
      /* The last field of the answer says where to go on. */
      if ((next = strrchr(answer, ':')) != NULL) after = strtoll(next + 1, NULL, 10);
      free(answer);
      if (!done) return 1;
      if (!is_empty && pages > 0) pages--;
   }
   return 0;
}

int main(int count, char **words)
{
   if (count < 3) die("usage: client ENDPOINT plugins | request VERB [JSON] | events [AFTER [PAGES]]");
   void *context = zmq_ctx_new();
   void *socket = zmq_socket(context, ZMQ_DEALER);
   int linger = 0, patience = (SECONDS + 1) * 1000, result = 1;
   char *answer = NULL;

   zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
   zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience);
   if (strncmp(words[1], "tcp://", 6) == 0) use_keys(socket);
   if (zmq_connect(socket, words[1]) != 0) die(zmq_strerror(zmq_errno()));

   if (strcmp(words[2], "plugins") == 0) {
      result = ask(socket, 1, "plugin.list", "{}", &answer) ? 0 : 1;
      if (result == 0) print_plugins(answer);
   } else if (strcmp(words[2], "request") == 0 && count > 3) {
      result = ask(socket, 1, words[3], count > 4 ? words[4] : "{}", &answer) ? 0 : 1;
      puts(answer);
   } else if (strcmp(words[2], "events") == 0) {
      result = follow(socket, count > 3 ? atoll(words[3]) : -1, count > 4 ? atol(words[4]) : -1);
   } else {
      die("unknown command");
   }
   free(answer);
   zmq_close(socket);
   zmq_ctx_term(context);
   return result;
}
