/*
 * Kills at a chosen point: preloaded into a host or a worker, it counts what goes by and sends SIGKILL at the nth time.
 *
 * BERTH_KILL_POINT names a file with one line, ROLE EVENT N TARGET, read when the program starts:
 *   ROLE    host or worker: which of the two counts (BERTH_KILL_ROLE says what this process is)
 *   EVENT   commit-before, commit-after   around the fdatasync(2) of the ledger's log: the commit
 *           send-before, send-after       around the sendmsg(2) of a frame between host and worker: a driver call, or its answer
 *           effect-before, effect-after   around the rename(2) that makes a change of the inventory durable: the driver's effect
 *   TARGET  host, worker or both
 * The file is gone before anybody dies, so that the next life lives.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char       path[512], role[16], event[32], target[16];
static int        number;
static atomic_int seen;

__attribute__((constructor)) static void read_point(void) {
   const char *file = getenv("BERTH_KILL_POINT"), *mine = getenv("BERTH_KILL_ROLE");
   if (!file || !mine || strlen(file) >= sizeof path) return;
   strcpy(path, file);
   FILE *stream = fopen(path, "re");
   if (!stream) return;
   if (fscanf(stream, "%15s %31s %d %15s", role, event, &number, target) != 4 || strcmp(role, mine) != 0) event[0] = 0;
   fclose(stream);
}

static void pass(const char *name) {
   if (strcmp(event, name) != 0 || atomic_fetch_add(&seen, 1) + 1 != number) return;
   unlink(path);
   int   is_worker = strcmp(role, "worker") == 0;
   pid_t host      = is_worker ? getppid() : getpid();
   if (strcmp(target, "worker") != 0) kill(host, SIGKILL);
   if (is_worker && strcmp(target, "host") != 0) kill(getpid(), SIGKILL);
   if (strcmp(target, "worker") != 0 && !is_worker) pause();
}

static int is_log(int fd) {
   char    link[64], file[4096];
   ssize_t size;
   snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
   size = readlink(link, file, sizeof file - 1);
   if (size <= 0) return 0;
   file[size] = 0;
   return strstr(file, "/ledger.db-wal") != NULL;
}

int fdatasync(int fd) {
   static int (*real)(int);
   if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
   int counts = event[0] == 'c' && is_log(fd);
   if (counts) pass("commit-before");
   int result = real(fd);
   if (counts) pass("commit-after");
   return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
   static ssize_t (*real)(int, const struct msghdr *, int);
   if (!real) real = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
   /* A frame between host and worker begins with two sizes and a header line. Of the host's, what changes something counts. */
   int counts = 0;
   if (event[0] == 's' && message->msg_iovlen > 0 && message->msg_iov[0].iov_len >= 24) {
      const char *head = message->msg_iov[0].iov_base;
      counts           = memcmp(head + 8, "BERTH/1 ", 8) == 0;
      if (counts && strcmp(role, "host") == 0) counts = memcmp(head + 16, "call.cr", 7) == 0 || memcmp(head + 16, "call.ac", 7) == 0;
   }
   if (counts) pass("send-before");
   ssize_t result = real(fd, message, flags);
   if (counts) pass("send-after");
   return result;
}

int rename(const char *from, const char *to) {
   static int (*real)(const char *, const char *);
   if (!real) real = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
   int counts = event[0] == 'e';
   if (counts) pass("effect-before");
   int result = real(from, to);
   if (counts) pass("effect-after");
   return result;
}
