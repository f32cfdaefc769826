/*
 * The zoo: drivers that each do one thing wrong, from one source. Built in tests, one define each:
 *
 *    cc -shared -fPIC -I Sources/PluginABI/include -DZOO_CRASH_OPEN -DZOO_ID='"zoo-crash-open"' zoo.c -o crash-open.so
 *
 * Without a define it is a good driver: machines in memory, two nodes, every core verb that needs no provider. Tests/TestSupport/Zoo.swift
 * names the defines and says what each does.
 *
 * Settings of all of them: machines (how many there are at open), delay_ms (how long list and create take).
 */
#define _GNU_SOURCE
#include <berth/driver.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef ZOO_ID
#define ZOO_ID "zoo-good"
#endif
#define VERSION "1.0"
#define MOST    4096

#if defined(ZOO_NO_NOTE)
#elif defined(ZOO_WRONG_MAJOR)
BERTH_DRIVER_NOTE_FOR("compute", BERTH_ABI_MAJOR + 1, 0, BERTH_ABI_HASH, ZOO_ID, VERSION)
#elif defined(ZOO_NEWER_MINOR)
BERTH_DRIVER_NOTE_FOR("compute", BERTH_ABI_MAJOR, BERTH_ABI_MINOR + 1, BERTH_ABI_HASH, ZOO_ID, VERSION)
#elif defined(ZOO_WRONG_SIGNATURE)
BERTH_DRIVER_NOTE_FOR("compute", BERTH_ABI_MAJOR, BERTH_ABI_MINOR, BERTH_ABI_HASH ^ 1u, ZOO_ID, VERSION)
#elif defined(ZOO_NOTE_DISAGREES)
BERTH_DRIVER_NOTE("zoo-somebody-else", VERSION)
#else
BERTH_DRIVER_NOTE(ZOO_ID, VERSION)
#endif

typedef struct {
   char        id[16], key[64], name[64];
   const char *state;
} machine_t;

struct berth_driver {
   const berth_host_t *host;
   pthread_mutex_t     lock;
   machine_t           machines[MOST];
   int                 count, next;
   long                delay_ms;
   volatile bool       closing;
   pthread_t           thread;
   bool                has_thread;
};

/* Misbehaviour. */

static void crash(void) {
   /* Through a variable: a store to a plain NULL is undefined, and the compiler may leave it out. */
   volatile uintptr_t nowhere = 8;
   *(volatile int *)nowhere   = 1;
}

static void hang(void) {
   for (;;) pause();
}

static void leak(void) {
   memset(malloc(1 << 20), 1, 1 << 20);
   if (open("/dev/null", O_RDONLY) < 0) return;
}

static void *sleeper(void *nothing) {
   hang();
   return nothing;
}

static void leak_thread(void) {
   pthread_t thread;
   if (pthread_create(&thread, NULL, sleeper, NULL) == 0) pthread_detach(thread);
}

static void *storm(void *argument) {
   berth_driver_t *driver = argument;
   for (int i = 0; i < 200000 && !driver->closing; i++) {
      const char    state[] = "{\"id\":\"1\",\"state\":\"running\"}";
      berth_event_t event   = {sizeof event, BERTH_EVENT_STATE, 0, "1", state, sizeof state - 1};
      driver->host->emit(driver->host, &event);
   }
   return NULL;
}

static const berth_call_t *volatile stale_call;

static void *late_writer(void *nothing) {
   struct timespec pause = {0, 50 * 1000 * 1000};
   nanosleep(&pause, NULL);
   for (int i = 0; i < 100; i++) {
      stale_call->write(stale_call, "late\n", 5);
      stale_call->progress(stale_call, 0.5, "late");
   }
   return nothing;
}

static bool is_late(const berth_call_t *call) {
   struct timespec now;
   clock_gettime(CLOCK_MONOTONIC, &now);
   return call->deadline_ms != 0 && now.tv_sec * 1000 + now.tv_nsec / 1000000 >= call->deadline_ms;
}

static void misbehave_in_call(const berth_call_t *call) {
   (void)call;
#if defined(ZOO_CALLS_EXIT)
   exit(3);
#elif defined(ZOO_FORKS)
   if (fork() == 0) {
      sleep(60);
      _exit(0);
   }
#elif defined(ZOO_CLOSES_DESCRIPTORS)
   for (int fd = 3; fd < 256; fd++) close(fd);
#elif defined(ZOO_PRINTS_MEGABYTE)
   for (int i = 0; i < 8192; i++) {
      fprintf(stdout, "%063d\n", i);
      fprintf(stderr, "%063d\n", i);
   }
   fflush(NULL);
#elif defined(ZOO_LEAKY)
   leak();
   leak_thread();
#elif defined(ZOO_MEMORY_HOG)
   for (;;) memset(malloc(16 << 20), 1, 16 << 20);
#elif defined(ZOO_WRITES_AFTER_RETURN)
   pthread_t thread;
   stale_call = call;
   if (pthread_create(&thread, NULL, late_writer, NULL) == 0) pthread_detach(thread);
#elif defined(ZOO_IGNORES_CANCEL)
   struct timespec pause = {0, 5 * 1000 * 1000};
   while (!is_late(call)) nanosleep(&pause, NULL);
#endif
   if (0) crash(), hang(), leak(), leak_thread(), storm(NULL), late_writer(NULL);
}

/* What a good driver does. */

static long setting(const char *config, size_t size, const char *name, long otherwise) {
   char quoted[64];
   int  length = snprintf(quoted, sizeof quoted, "\"%s\":", name);
   for (size_t at = 0; at + (size_t)length < size; at++)
      if (memcmp(config + at, quoted, (size_t)length) == 0) return strtol(config + at + length, NULL, 10);
   return otherwise;
}

/* Waits as a provider would, and gives up when the host does. */
static berth_status_t wait_for(const berth_call_t *call, long milliseconds) {
   struct timespec pause = {0, 1000 * 1000};
   for (long i = 0; i < milliseconds; i++) {
      if (call->cancelled(call)) return call->fail(call, BERTH_CANCELLED, "cancelled while waiting for the provider", NULL);
      if (is_late(call)) return call->fail(call, BERTH_DEADLINE, "the provider took longer than the deadline", NULL);
      nanosleep(&pause, NULL);
   }
   return BERTH_OK;
}

static machine_t *find(berth_driver_t *driver, const char *id, bool by_key) {
   for (int i = 0; i < driver->count; i++)
      if (strcmp(by_key ? driver->machines[i].key : driver->machines[i].id, id) == 0) return &driver->machines[i];
   return NULL;
}

static machine_t *add(berth_driver_t *driver, const char *key, const char *name) {
   if (driver->count == MOST) return NULL;
   machine_t *machine = &driver->machines[driver->count++];
   snprintf(machine->id, sizeof machine->id, "%d", driver->next++);
   snprintf(machine->key, sizeof machine->key, "%s", key);
   snprintf(machine->name, sizeof machine->name, "%s", name);
   machine->state = "running";
   return machine;
}

static bool write_machine(const berth_call_t *call, const machine_t *machine) {
   char text[512];
#ifdef ZOO_FORGETS_KEY
   int length = snprintf(text, sizeof text, "{\"id\":\"%s\",\"state\":\"%s\"}\n", machine->id, machine->state);
#else
   int length = snprintf(text, sizeof text,
                         machine->key[0] ? "{\"id\":\"%s\",\"name\":\"%s\",\"state\":\"%s\",\"cpus\":1,\"memory_mib\":512,\"node\":\"n1\",\"key\":\"%s\"}\n"
                                         : "{\"id\":\"%s\",\"name\":\"%s\",\"state\":\"%s\",\"cpus\":1,\"memory_mib\":512,\"node\":\"n1\"}\n",
                         machine->id, machine->name, machine->state, machine->key);
#endif
   return call->write(call, text, (size_t)length);
}

static berth_status_t zoo_open(const berth_host_t *host, const berth_call_t *call, const void *config, size_t config_size,
                               berth_driver_t **handle) {
#if defined(ZOO_CRASH_OPEN)
   crash();
#elif defined(ZOO_HANG_OPEN)
   hang();
#elif defined(ZOO_FAILS_OPEN)
   return call->fail(call, BERTH_UNREACHABLE, "the provider does not answer", "connect: Connection refused");
#elif defined(ZOO_LEAKY)
   leak();
   leak_thread();
#endif
   berth_driver_t *driver = calloc(1, sizeof *driver);
   if (!driver) return call->fail(call, BERTH_RETRY, "no memory", NULL);
   driver->host = host;
   pthread_mutex_init(&driver->lock, NULL);
   driver->next     = 1;
   driver->delay_ms = setting(config, config_size, "delay_ms", 0);
   for (long i = setting(config, config_size, "machines", 3); i > 0; i--) add(driver, "", "somebody-elses");
   host->log(host, 6, "zoo: opened");
#ifdef ZOO_EVENT_STORM
   driver->has_thread = pthread_create(&driver->thread, NULL, storm, driver) == 0;
#endif
   *handle = driver;
   return BERTH_OK;
}

static void zoo_close(berth_driver_t *driver) {
#if defined(ZOO_CRASH_CLOSE)
   crash();
#elif defined(ZOO_HANG_CLOSE)
   hang();
#endif
   driver->closing = true;
   if (driver->has_thread) pthread_join(driver->thread, NULL);
   pthread_mutex_destroy(&driver->lock);
   free(driver);
}

static berth_status_t zoo_health(berth_driver_t *driver, const berth_call_t *call) {
   (void)driver;
#if defined(ZOO_CRASH_HEALTH)
   crash();
#elif defined(ZOO_UNKNOWN_STATUS)
   (void)call;
   return -77;
#endif
   (void)call;
   return BERTH_OK;
}

static berth_status_t zoo_capacity(berth_driver_t *driver, const berth_call_t *call) {
   char text[512];
#ifdef ZOO_GARBAGE_DOCUMENTS
   int length = snprintf(text, sizeof text, "{\"nodes\":[{\"id\":7,\"total\":[");
#else
   int length = snprintf(text, sizeof text,
                         "{\"nodes\":[{\"id\":\"n1\",\"state\":\"up\",\"arch\":\"x86_64\",\"total\":{\"cpus\":64,\"memory_mib\":65536,\"disk_gib\":1000,\"machines\":%d},"
                         "\"used\":{\"cpus\":%d,\"memory_mib\":%d,\"disk_gib\":0,\"machines\":%d}},{\"id\":\"n2\",\"state\":\"down\",\"total\":{\"cpus\":64},\"used\":{}}]}",
                         MOST, driver->count, driver->count * 512, driver->count);
#endif
   call->write(call, text, (size_t)length);
   return BERTH_OK;
}

static berth_status_t zoo_catalog(berth_driver_t *driver, const berth_call_t *call) {
   (void)driver;
   const char text[] = "{\"images\":[{\"id\":\"i1\",\"name\":\"debian-12\",\"size\":1048576}],\"networks\":[{\"id\":\"net1\",\"name\":\"default\"}],"
                       "\"sizes\":[{\"id\":\"s1\",\"name\":\"small\",\"cpus\":1,\"memory_mib\":512,\"disk_gib\":4}]}";
   call->write(call, text, sizeof text - 1);
   return BERTH_OK;
}

static berth_status_t zoo_list(berth_driver_t *driver, const berth_call_t *call) {
   misbehave_in_call(call);
#if defined(ZOO_CRASH_LIST)
   crash();
#elif defined(ZOO_HANG_LIST)
   hang();
#elif defined(ZOO_INVALID_UTF8)
   const char text[] = "{\"id\":\"1\",\"state\":\"running\",\"name\":\"caf\xe9\"}\n";
   call->write(call, text, sizeof text - 1);
   return BERTH_OK;
#elif defined(ZOO_GARBAGE_DOCUMENTS)
   const char text[] = "{\"id\":1,\"state\":\"flying\"}\nno json at all\n{\"id\":\"2\"";
   call->write(call, text, sizeof text - 1);
   return BERTH_OK;
#elif defined(ZOO_RESULT_100MB)
   static char line[1 << 20];
   memset(line, ' ', sizeof line);
   line[sizeof line - 1] = '\n';
   for (int i = 0; i < 100; i++)
      if (!call->write(call, line, sizeof line)) return call->fail(call, BERTH_BROKEN, "the host takes no more", NULL);
#endif
   berth_status_t status = wait_for(call, driver->delay_ms);
   if (status != BERTH_OK) return status;
   pthread_mutex_lock(&driver->lock);
   for (int i = 0; i < driver->count; i++)
      if (!write_machine(call, &driver->machines[i])) break;
   pthread_mutex_unlock(&driver->lock);
   return BERTH_OK;
}

static berth_status_t zoo_inspect(berth_driver_t *driver, const berth_call_t *call, const char *id) {
   pthread_mutex_lock(&driver->lock);
   machine_t *machine = find(driver, id, false);
#ifdef ZOO_INVENTS_MACHINES
   if (!machine) machine = &driver->machines[0];
#endif
   if (machine) write_machine(call, machine);
   pthread_mutex_unlock(&driver->lock);
   return machine ? BERTH_OK : call->fail(call, BERTH_NOT_FOUND, "no such machine", NULL);
}

static berth_status_t zoo_create(berth_driver_t *driver, const berth_call_t *call, const char *key, const void *spec, size_t spec_size) {
   (void)spec, (void)spec_size;
#ifdef ZOO_CRASH_CREATE
   crash();
#endif
   berth_status_t status = wait_for(call, driver->delay_ms);
   if (status != BERTH_OK) return status;
   call->progress(call, 0.5, "making it");
   pthread_mutex_lock(&driver->lock);
#ifdef ZOO_CREATES_TWICE
   machine_t *machine = NULL;
#else
   machine_t *machine = find(driver, key, true);
#endif
   if (!machine) machine = add(driver, key, "made-here");
   if (machine) write_machine(call, machine);
   pthread_mutex_unlock(&driver->lock);
   return machine ? BERTH_OK : call->fail(call, BERTH_EXHAUSTED, "no room for more", NULL);
}

static berth_status_t zoo_action(berth_driver_t *driver, const berth_call_t *call, const char *id, const char *verb, const void *args,
                                 size_t args_size) {
   (void)args, (void)args_size;
   static const char *const states[][2] = {{"start", "running"}, {"stop", "stopped"},     {"reboot", "running"}, {"pause", "paused"},
                                           {"unpause", "running"}, {"suspend", "suspended"}, {"resume", "running"}, {"destroy", "gone"}};
   const char              *state       = NULL;
   for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
      if (strcmp(states[i][0], verb) == 0) state = states[i][1];
#ifndef ZOO_TAKES_ANY_VERB
   if (!state) return call->fail(call, BERTH_UNSUPPORTED, "no such verb", NULL);
#endif
   pthread_mutex_lock(&driver->lock);
   machine_t *machine = find(driver, id, false);
   bool       found   = machine != NULL;
   if (machine && state && strcmp(state, "gone") == 0)
      *machine = driver->machines[--driver->count];
   else if (machine && state)
      machine->state = state;
   pthread_mutex_unlock(&driver->lock);
   return found ? BERTH_OK : call->fail(call, BERTH_NOT_FOUND, "no such machine", NULL);
}

static const char *const capabilities[] = {"create", "catalog", "start",   "stop",   "reboot", "pause", "unpause",
                                           "suspend", "resume",  "destroy", "events",
#if defined(ZOO_REENTRANT)
                                           "reentrant",
#endif
                                           NULL};

typedef struct {
   berth_ops_t known;
   void       *tail[2];
} long_ops_t;

static const long_ops_t ops = {{
#if defined(ZOO_SHORT_TABLE)
                                  offsetof(berth_ops_t, create),
#elif defined(ZOO_LONG_STRUCT_ZERO) || defined(ZOO_LONG_STRUCT_NONZERO)
                                  sizeof(long_ops_t),
#else
                                  sizeof(berth_ops_t),
#endif
#if defined(ZOO_EMPTY_SLOT)
                                  zoo_open, zoo_close, zoo_health, zoo_capacity, zoo_catalog, NULL, zoo_inspect, zoo_create, zoo_action},
#else
                                  zoo_open, zoo_close, zoo_health, zoo_capacity, zoo_catalog, zoo_list, zoo_inspect, zoo_create, zoo_action},
#endif
#if defined(ZOO_LONG_STRUCT_NONZERO)
                               {(void *)1, (void *)2}
#else
                               {NULL, NULL}
#endif
};

typedef struct {
   berth_plugin_t known;
   void          *tail[2];
} long_plugin_t;

static const long_plugin_t plugin = {{
#if defined(ZOO_SHORT_STRUCT)
                                        offsetof(berth_plugin_t, config_schema),
#elif defined(ZOO_LONG_STRUCT_ZERO) || defined(ZOO_LONG_STRUCT_NONZERO)
                                        sizeof(long_plugin_t),
#else
                                        sizeof(berth_plugin_t),
#endif
#if defined(ZOO_WRONG_MAJOR)
                                        BERTH_ABI_MAJOR + 1, 0,
#elif defined(ZOO_NEWER_MINOR)
                                        BERTH_ABI_MAJOR, BERTH_ABI_MINOR + 1,
#else
                                        BERTH_ABI_MAJOR, BERTH_ABI_MINOR,
#endif
                                        ZOO_ID, "One of the zoo", VERSION, "Berth's tests", "Apache-2.0", "", capabilities,
#if defined(ZOO_BAD_SCHEMA)
                                        "{\"type\":\"object\",\"properties\":",
#else
                                        "{\"type\":\"object\",\"properties\":{"
                                        "\"machines\":{\"type\":\"integer\",\"default\":3,\"minimum\":0,\"maximum\":4096,\"description\":\"how many there are at open\"},"
                                        "\"delay_ms\":{\"type\":\"integer\",\"default\":0,\"minimum\":0,\"description\":\"how long list and create take\"}},"
                                        "\"additionalProperties\":false}",
#endif
                                        &ops.known},
#if defined(ZOO_LONG_STRUCT_NONZERO)
                                     {(void *)1, (void *)2}
#else
                                     {NULL, NULL}
#endif
};

#if defined(ZOO_MISSING_SYMBOL)
extern int zoo_defined_nowhere(void);
#endif
#if defined(ZOO_MISSING_DEPENDENCY)
extern int zoo_dependency(void);
#endif

#ifndef ZOO_MISSING_ENTRY
const berth_plugin_t *berth_driver_entry(uint32_t host_abi_major, uint32_t host_abi_minor) {
   (void)host_abi_minor;
#if defined(ZOO_CRASH_ENTRY)
   crash();
#elif defined(ZOO_HANG_ENTRY)
   hang();
#elif defined(ZOO_REFUSES_HOST)
   return NULL;
#elif defined(ZOO_MISSING_SYMBOL)
   if (zoo_defined_nowhere()) return NULL;
#elif defined(ZOO_MISSING_DEPENDENCY)
   if (zoo_dependency()) return NULL;
#endif
#if !defined(ZOO_WRONG_MAJOR)
   if (host_abi_major != BERTH_ABI_MAJOR) return NULL;
#endif
   return &plugin.known;
}
#endif

#if defined(ZOO_EXTRA_EXPORTS)
__attribute__((visibility("default"))) int zoo_helper_that_leaked_out(void) { return 0; }
#endif
