/*
 * A driver for Berth whose provider is a file: racks with machines that exist as lines of an inventory. It shows what a
 * driver in C looks like, and because its settings can make it slow, failing or crashing at a chosen place, it is also
 * what Berth's own crash tests run against.
 */
#define _GNU_SOURCE
#include "json.h"
#include "shelf.h"

#include <berth/driver.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ID      "inventory"
#define VERSION "1.0"
BERTH_DRIVER_NOTE(ID, VERSION)

struct berth_driver {
   const berth_host_t *host;
   shelf_t             shelf;
   long                nodes, millicpus, memory_mib, disk_gib, machines; /* of each node, nodes aside */
   long                open_ms, list_ms, create_ms, action_ms, boot_ms;
   double              fail_rate, crash_rate;
   char                crash_at[32];
   char                address[64], load_file[4096];
   long                agent_ms, credentials_s;
   int64_t             credentials_until_ms; /* guarded by mutex; 0: they never end */
   pthread_t           watcher;
   pthread_mutex_t     mutex; /* guards closing and random */
   pthread_cond_t      wake;
   bool                closing;
   uint64_t            random;
   int64_t             opened_ms; /* what comes up later is told, however late the watcher starts */
};

/* Settings. */

static const char schema[] =
   "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"file\"],\"properties\":{"
   "\"file\":{\"type\":\"string\",\"description\":\"where the machines are kept\"},"
   "\"sync\":{\"type\":\"boolean\",\"default\":true,\"description\":\"fsync each change\"},"
   "\"nodes\":{\"type\":\"integer\",\"default\":1,\"minimum\":1,\"maximum\":100000,\"description\":\"how many racks\"},"
   "\"cpus\":{\"type\":\"number\",\"default\":16,\"minimum\":0,\"description\":\"of each rack\"},"
   "\"memory_mib\":{\"type\":\"integer\",\"default\":32768,\"minimum\":0,\"description\":\"of each rack\"},"
   "\"disk_gib\":{\"type\":\"integer\",\"default\":1000,\"minimum\":0,\"description\":\"of each rack\"},"
   "\"machines\":{\"type\":\"integer\",\"default\":100,\"minimum\":0,\"description\":\"how many a rack takes\"},"
   "\"open_ms\":{\"type\":\"integer\",\"default\":0,\"minimum\":0,\"description\":\"how long open takes\"},"
   "\"list_ms\":{\"type\":\"integer\",\"default\":0,\"minimum\":0,\"description\":\"how long list takes\"},"
   "\"create_ms\":{\"type\":\"integer\",\"default\":0,\"minimum\":0,\"description\":\"how long create takes\"},"
   "\"action_ms\":{\"type\":\"integer\",\"default\":0,\"minimum\":0,\"description\":\"how long a verb takes\"},"
   "\"boot_ms\":{\"type\":\"integer\",\"default\":0,\"minimum\":0,\"description\":\"how long a machine stays building\"},"
   "\"fail_rate\":{\"type\":\"number\",\"default\":0,\"minimum\":0,\"maximum\":1,"
   "\"description\":\"how many of the creates and verbs fail with RETRY, before any effect\"},"
   "\"address\":{\"type\":\"string\",\"default\":\"\",\"description\":\"the address of every machine that runs\"},"
   "\"agent_ms\":{\"type\":\"integer\",\"default\":0,\"minimum\":0,\"description\":\"how long after it runs a machine's agent answers\"},"
   "\"load_file\":{\"type\":\"string\",\"default\":\"\",\"description\":\"holds the load of every machine, such as 0.4\"},"
   "\"credentials_s\":{\"type\":\"integer\",\"default\":0,\"minimum\":0,\"description\":\"how long credentials last; 0: for ever\"},"
   "\"crash_at\":{\"type\":\"string\",\"default\":\"\",\"enum\":[\"\",\"open\",\"list\",\"inspect\",\"create-before\",\"create-after\","
   "\"action-before\",\"action-after\"],\"description\":\"where the driver crashes; after: the change is durable, the answer lost\"},"
   "\"crash_rate\":{\"type\":\"number\",\"default\":1,\"minimum\":0,\"maximum\":1,\"description\":\"how often it crashes there\"}}}";

static long whole(json_t config, const char *name, long otherwise) {
   json_t value;
   double number;
   return json_field(config, name, &value) && json_number(value, &number) ? (long)number : otherwise;
}

static double real(json_t config, const char *name, double otherwise) {
   json_t value;
   double number;
   return json_field(config, name, &value) && json_number(value, &number) ? number : otherwise;
}

static bool yes(json_t config, const char *name, bool otherwise) {
   json_t value;
   return json_field(config, name, &value) ? value.size >= 4 && memcmp(value.start, "true", 4) == 0 : otherwise;
}

static bool words(json_t object, const char *name, char *buffer, size_t size) {
   json_t value;
   if (json_field(object, name, &value)) return json_string(value, buffer, size);
   buffer[0] = 0;
   return true;
}

/* Accidents. */

static double dice(berth_driver_t *driver) {
   pthread_mutex_lock(&driver->mutex);
   driver->random ^= driver->random << 13;
   driver->random ^= driver->random >> 7;
   driver->random ^= driver->random << 17;
   double number = (double)(driver->random >> 11) / (double)(UINT64_C(1) << 53);
   pthread_mutex_unlock(&driver->mutex);
   return number;
}

static void crash_if(berth_driver_t *driver, const char *place) {
   if (strcmp(driver->crash_at, place) == 0 && dice(driver) < driver->crash_rate) abort();
}

static bool is_late(const berth_call_t *call) {
   struct timespec now;
   clock_gettime(CLOCK_MONOTONIC, &now);
   return call->deadline_ms != 0 && (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 >= call->deadline_ms;
}

/* Waits as a provider would, and stops when the host does not want the answer any more. */
static berth_status_t wait_for(const berth_call_t *call, long milliseconds) {
   for (long waited = 0; waited < milliseconds; waited += 5) {
      if (call->cancelled(call)) return call->fail(call, BERTH_CANCELLED, "cancelled while the inventory was busy", NULL);
      if (is_late(call)) return call->fail(call, BERTH_DEADLINE, "the inventory was busy past the deadline", NULL);
      if (waited % 500 == 0) call->progress(call, (double)waited / (double)milliseconds, "looking for a place");
      long            rest  = milliseconds - waited < 5 ? milliseconds - waited : 5;
      struct timespec pause = {0, rest * 1000000};
      nanosleep(&pause, NULL);
   }
   return BERTH_OK;
}

static berth_status_t fail(const berth_call_t *call, berth_status_t status, const char *native, const char *format, ...) {
   char    message[512];
   va_list arguments;
   va_start(arguments, format);
   vsnprintf(message, sizeof message, format, arguments);
   va_end(arguments);
   return call->fail(call, status, message, native);
}

static berth_status_t unreadable(berth_driver_t *driver, const berth_call_t *call, const char *problem) {
   return fail(call, BERTH_UNREACHABLE, problem, "the inventory %s cannot be used", driver->shelf.path);
}

/* Documents. */

static const char *state_of(const machine_t *machine) {
   return strcmp(machine->state, "running") == 0 && machine->ready_ms > now_ms() ? "building" : machine->state;
}

/* The load that the file says, read each time so that whoever plays with it need not start us again; below 0: unknown. */
static double load_of(const berth_driver_t *driver) {
   double load = -1;
   FILE  *file = driver->load_file[0] ? fopen(driver->load_file, "re") : NULL;
   if (!file) return -1;
   if (fscanf(file, "%lf", &load) != 1 || load > 1) load = -1;
   fclose(file);
   return load;
}

static size_t machine_document(const berth_driver_t *driver, const machine_t *machine, char *text, size_t size) {
   char   name[800], image[1600] = "\"image\":", created[32], address[600] = "", usage[64] = "";
   bool   is_running = strcmp(state_of(machine), "running") == 0;
   double load       = is_running ? load_of(driver) : -1;
   if (is_running && driver->address[0]) {
      char quoted[500];
      json_quote(driver->address, quoted, sizeof quoted);
      snprintf(address, sizeof address, "\"addresses\":[%s],", quoted);
   }
   if (load >= 0) snprintf(usage, sizeof usage, "\"usage\":{\"cpu\":%.3f},", load);
   time_t seconds = (time_t)(machine->created_ms / 1000);
   struct tm utc;
   strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
   json_quote(machine->name, name, sizeof name);
   json_quote(machine->image, image + 8, sizeof image - 8);
   int length = snprintf(text, size,
                         "{\"id\":\"%ld\",\"name\":%s,\"key\":\"%s\",\"state\":\"%s\",\"cpus\":%ld.%03ld,\"memory_mib\":%ld,\"disk_gib\":%ld,"
                         "\"node\":\"%s\",%s%s%s%s\"created\":\"%s\"}\n",
                         machine->id, name, machine->key, state_of(machine), machine->millicpus / 1000, machine->millicpus % 1000,
                         machine->memory_mib, machine->disk_gib, machine->node, machine->image[0] ? image : "", machine->image[0] ? "," : "", address, usage, created);
   return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

static bool write_machine(const berth_driver_t *driver, const berth_call_t *call, const machine_t *machine) {
   char text[4096];
   return call->write(call, text, machine_document(driver, machine, text, sizeof text));
}

static void emit_machine(berth_driver_t *driver, const machine_t *machine, const char *state) {
   char text[4096], id[32];
   snprintf(id, sizeof id, "%ld", machine->id);
   size_t size = (size_t)snprintf(text, sizeof text, "{\"id\":\"%s\",\"key\":\"%s\",\"state\":\"%s\"}", id, machine->key, state);
   berth_event_t event = {sizeof event, BERTH_EVENT_STATE, now_ms(), id, text, size};
   driver->host->emit(driver->host, &event);
}

/* Tells of machines that came up, and of changes that somebody else made to the file. */
static void *watch(void *argument) {
   berth_driver_t *driver = argument;
   int64_t         told   = driver->opened_ms;
   pthread_mutex_lock(&driver->mutex);
   while (!driver->closing) {
      struct timespec until;
      clock_gettime(CLOCK_REALTIME, &until);
      until.tv_nsec += 200 * 1000000;
      if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
      pthread_cond_timedwait(&driver->wake, &driver->mutex, &until);
      if (driver->closing) break;
      pthread_mutex_unlock(&driver->mutex);
      if (shelf_changed(&driver->shelf)) {
         berth_event_t event = {sizeof event, BERTH_EVENT_RESYNC, 0, "", NULL, 0};
         driver->host->emit(driver->host, &event);
      }
      if (!shelf_lock(&driver->shelf)) {
         int64_t now = now_ms();
         for (size_t i = 0; i < driver->shelf.count; i++) {
            const machine_t *machine = &driver->shelf.machines[i];
            if (machine->ready_ms > told && machine->ready_ms <= now) emit_machine(driver, machine, machine->state);
         }
         told = now;
         shelf_unlock(&driver->shelf);
      }
      pthread_mutex_lock(&driver->mutex);
   }
   pthread_mutex_unlock(&driver->mutex);
   return NULL;
}

/* The operations. */

static berth_status_t inventory_open(const berth_host_t *host, const berth_call_t *call, const void *config, size_t config_size,
                                     berth_driver_t **handle) {
   json_t settings = {config, config_size};
   char   path[4096];
   if (!words(settings, "file", path, sizeof path) || !path[0])
      return call->fail(call, BERTH_INVALID, "config.file must say where the machines are kept", NULL);
   berth_driver_t *driver = calloc(1, sizeof *driver);
   if (!driver) return call->fail(call, BERTH_RETRY, "no memory", NULL);
   driver->host       = host;
   driver->random     = ((uint64_t)now_ms() * 2654435761u + ((uint64_t)getpid() << 32)) | 1;
   driver->nodes      = whole(settings, "nodes", 1);
   driver->millicpus  = (long)(real(settings, "cpus", 16) * 1000 + 0.5);
   driver->memory_mib = whole(settings, "memory_mib", 32768);
   driver->disk_gib   = whole(settings, "disk_gib", 1000);
   driver->machines   = whole(settings, "machines", 100);
   driver->open_ms    = whole(settings, "open_ms", 0);
   driver->list_ms    = whole(settings, "list_ms", 0);
   driver->create_ms  = whole(settings, "create_ms", 0);
   driver->action_ms  = whole(settings, "action_ms", 0);
   driver->boot_ms    = whole(settings, "boot_ms", 0);
   driver->fail_rate  = real(settings, "fail_rate", 0);
   driver->crash_rate = real(settings, "crash_rate", 1);
   driver->agent_ms   = whole(settings, "agent_ms", 0);
   words(settings, "crash_at", driver->crash_at, sizeof driver->crash_at);
   words(settings, "address", driver->address, sizeof driver->address);
   words(settings, "load_file", driver->load_file, sizeof driver->load_file);
   driver->credentials_s = whole(settings, "credentials_s", 0);
   if (driver->credentials_s > 0) driver->credentials_until_ms = now_ms() + driver->credentials_s * 1000;
   pthread_mutex_init(&driver->mutex, NULL);
   pthread_cond_init(&driver->wake, NULL);

   crash_if(driver, "open");
   berth_status_t status  = wait_for(call, driver->open_ms);
   const char    *problem = NULL;
   if (status == BERTH_OK && !(problem = shelf_open(&driver->shelf, path, yes(settings, "sync", true)))) {
      if (!(problem = shelf_lock(&driver->shelf))) {
         shelf_unlock(&driver->shelf);
         driver->opened_ms = now_ms();
         int error = pthread_create(&driver->watcher, NULL, watch, driver);
         if (error == 0) {
            *handle = driver;
            return BERTH_OK;
         }
         problem = strerror(error);
      }
      shelf_close(&driver->shelf);
   }
   if (problem) status = fail(call, BERTH_UNREACHABLE, problem, "the inventory %s cannot be opened", path);
   pthread_cond_destroy(&driver->wake);
   pthread_mutex_destroy(&driver->mutex);
   free(driver);
   return status;
}

static void inventory_close(berth_driver_t *driver) {
   pthread_mutex_lock(&driver->mutex);
   driver->closing = true;
   pthread_cond_signal(&driver->wake);
   pthread_mutex_unlock(&driver->mutex);
   pthread_join(driver->watcher, NULL);
   shelf_close(&driver->shelf);
   pthread_cond_destroy(&driver->wake);
   pthread_mutex_destroy(&driver->mutex);
   free(driver);
}

static berth_status_t inventory_health(berth_driver_t *driver, const berth_call_t *call) {
   const char *problem = shelf_lock(&driver->shelf);
   if (problem) return unreadable(driver, call, problem);
   shelf_unlock(&driver->shelf);
   pthread_mutex_lock(&driver->mutex);
   int64_t until = driver->credentials_until_ms;
   pthread_mutex_unlock(&driver->mutex);
   if (until == 0) return BERTH_OK;
   if (until <= now_ms()) return call->fail(call, BERTH_DENIED, "the credentials have ended", NULL);
   /* The host renews them before that. */
   char      text[96];
   time_t    seconds = (time_t)(until / 1000);
   struct tm utc;
   call->write(call, text, strftime(text, sizeof text, "{\"credentials_until\":\"%Y-%m-%dT%H:%M:%SZ\"}", gmtime_r(&seconds, &utc)));
   return BERTH_OK;
}

typedef struct {
   long millicpus, memory_mib, disk_gib, machines;
} used_t;

/* Racks are rack-1 to rack-N; what is not of that form counts as none. */
static long rack_of(const berth_driver_t *driver, const char *node) {
   long number = strncmp(node, "rack-", 5) == 0 ? strtol(node + 5, NULL, 10) : 0;
   return number >= 1 && number <= driver->nodes ? number : 0;
}

/* At rest a machine takes its slot and its disk, and no more. */
static bool at_rest(const machine_t *machine) {
   return strcmp(machine->state, "suspended") == 0 || strcmp(machine->state, "stopped") == 0;
}

/* What is used of each rack, the first at 1. The lock is held; the caller frees. */
static used_t *usage(const berth_driver_t *driver, long without) {
   used_t *used = calloc((size_t)driver->nodes + 1, sizeof *used);
   for (size_t i = 0; used && i < driver->shelf.count; i++) {
      const machine_t *machine = &driver->shelf.machines[i];
      used_t          *rack    = &used[rack_of(driver, machine->node)];
      if (machine->id == without) continue;
      if (!at_rest(machine)) rack->millicpus += machine->millicpus, rack->memory_mib += machine->memory_mib;
      rack->disk_gib += machine->disk_gib;
      rack->machines++;
   }
   return used;
}

static bool fits(const berth_driver_t *driver, const used_t *rack, const machine_t *machine) {
   return rack->millicpus + machine->millicpus <= driver->millicpus && rack->memory_mib + machine->memory_mib <= driver->memory_mib &&
          rack->disk_gib + machine->disk_gib <= driver->disk_gib && rack->machines < driver->machines;
}

static berth_status_t inventory_capacity(berth_driver_t *driver, const berth_call_t *call) {
   const char *problem = shelf_lock(&driver->shelf);
   if (problem) return unreadable(driver, call, problem);
   used_t *used = usage(driver, 0);
   shelf_unlock(&driver->shelf);
   if (!used) return call->fail(call, BERTH_RETRY, "no memory", NULL);
   call->write(call, "{\"nodes\":[", 10);
   for (long rack = 1; rack <= driver->nodes; rack++) {
      char text[512];
      int  length = snprintf(text, sizeof text,
                             "%s{\"id\":\"rack-%ld\",\"state\":\"up\",\"arch\":\"x86_64\","
                             "\"total\":{\"cpus\":%ld.%03ld,\"memory_mib\":%ld,\"disk_gib\":%ld,\"machines\":%ld},"
                             "\"used\":{\"cpus\":%ld.%03ld,\"memory_mib\":%ld,\"disk_gib\":%ld,\"machines\":%ld}}",
                             rack > 1 ? "," : "", rack, driver->millicpus / 1000, driver->millicpus % 1000, driver->memory_mib,
                             driver->disk_gib, driver->machines, used[rack].millicpus / 1000, used[rack].millicpus % 1000,
                             used[rack].memory_mib, used[rack].disk_gib, used[rack].machines);
      if (!call->write(call, text, (size_t)length)) break;
   }
   call->write(call, "]}", 2);
   free(used);
   return BERTH_OK;
}

static berth_status_t inventory_catalog(berth_driver_t *driver, const berth_call_t *call) {
   static const char text[] = "{\"images\":[{\"id\":\"debian-12\",\"name\":\"debian-12\"},{\"id\":\"empty\",\"name\":\"empty\"}],"
                              "\"networks\":[{\"id\":\"default\",\"name\":\"default\"}],"
                              "\"sizes\":[{\"id\":\"small\",\"name\":\"small\",\"cpus\":1,\"memory_mib\":512,\"disk_gib\":4}]}";
   (void)driver;
   call->write(call, text, sizeof text - 1);
   return BERTH_OK;
}

static berth_status_t inventory_list(berth_driver_t *driver, const berth_call_t *call) {
   crash_if(driver, "list");
   berth_status_t status = wait_for(call, driver->list_ms);
   if (status != BERTH_OK) return status;
   const char *problem = shelf_lock(&driver->shelf);
   if (problem) return unreadable(driver, call, problem);
   for (size_t i = 0; i < driver->shelf.count; i++)
      if (!write_machine(driver, call, &driver->shelf.machines[i])) break;
   shelf_unlock(&driver->shelf);
   return BERTH_OK;
}

/* The machine of an id, with the lock held; or the lock released and the answer to give. */
static machine_t *lookup(berth_driver_t *driver, const berth_call_t *call, const char *id, berth_status_t *status) {
   const char *problem = shelf_lock(&driver->shelf);
   if (problem) {
      *status = unreadable(driver, call, problem);
      return NULL;
   }
   char      *end;
   long       number  = strtol(id, &end, 10);
   machine_t *machine = *id && !*end ? shelf_find(&driver->shelf, number) : NULL;
   if (!machine) {
      shelf_unlock(&driver->shelf);
      *status = fail(call, BERTH_NOT_FOUND, NULL, "there is no machine %.64s", id);
   }
   return machine;
}

static berth_status_t inventory_inspect(berth_driver_t *driver, const berth_call_t *call, const char *id) {
   crash_if(driver, "inspect");
   berth_status_t status  = BERTH_OK;
   machine_t     *machine = lookup(driver, call, id, &status);
   if (!machine) return status;
   write_machine(driver, call, machine);
   shelf_unlock(&driver->shelf);
   return BERTH_OK;
}

/* Reads the sizes in a spec, or in the arguments of resize; what is absent stays as it is. */
static void read_sizes(json_t spec, machine_t *machine) {
   machine->millicpus  = (long)(real(spec, "cpus", (double)machine->millicpus / 1000) * 1000 + 0.5);
   machine->memory_mib = whole(spec, "memory_mib", machine->memory_mib);
   machine->disk_gib   = whole(spec, "disk_gib", machine->disk_gib);
}

/* Tabs and newlines end words in the file. */
static bool storable(const char *text) { return text[0] && !strpbrk(text, "\t\n"); }

/* Finds a rack and puts the machine there, durably. The lock is held. */
static berth_status_t place(berth_driver_t *driver, const berth_call_t *call, machine_t *wanted, machine_t *placed) {
   used_t *used = usage(driver, 0);
   if (!used) return call->fail(call, BERTH_RETRY, "no memory", NULL);
   long rack = wanted->node[0] ? rack_of(driver, wanted->node) : 1;
   long last = wanted->node[0] ? rack : driver->nodes;
   while (rack >= 1 && rack <= last && !fits(driver, &used[rack], wanted)) rack++;
   free(used);
   if (rack < 1) return fail(call, BERTH_INVALID, NULL, "there is no rack '%s'", wanted->node);
   if (rack > last) return call->fail(call, BERTH_EXHAUSTED, "no rack has room for the machine", NULL);
   snprintf(wanted->node, sizeof wanted->node, "rack-%ld", rack);
   wanted->id         = driver->shelf.next_id++;
   wanted->created_ms = now_ms();
   wanted->ready_ms   = wanted->created_ms + driver->boot_ms;
   strcpy(wanted->state, "running");
   machine_t *added = shelf_add(&driver->shelf);
   if (!added) return call->fail(call, BERTH_RETRY, "no memory", NULL);
   *added              = *wanted;
   *placed             = *wanted;
   const char *problem = shelf_save(&driver->shelf);
   return problem ? fail(call, BERTH_RETRY, problem, "the inventory cannot be written") : BERTH_OK;
}

static berth_status_t inventory_create(berth_driver_t *driver, const berth_call_t *call, const char *key, const void *spec,
                                       size_t spec_size) {
   json_t    document = {spec, spec_size};
   machine_t wanted   = {.millicpus = 1000, .memory_mib = 512}, placed;
   if (!words(document, "name", wanted.name, sizeof wanted.name) || !words(document, "node", wanted.node, sizeof wanted.node) ||
       !words(document, "image", wanted.image, sizeof wanted.image))
      return call->fail(call, BERTH_INVALID, "name, node or image of the spec is no string, or too long", NULL);
   if (!wanted.name[0]) strcpy(wanted.name, "unnamed");
   if (strlen(key) >= sizeof wanted.key || !storable(key) || !storable(wanted.name) || (wanted.image[0] && !storable(wanted.image)))
      return call->fail(call, BERTH_INVALID, "a tab or newline in key, name or image", NULL);
   strcpy(wanted.key, key);
   read_sizes(document, &wanted);
   if (wanted.millicpus < 0 || wanted.memory_mib < 0 || wanted.disk_gib < 0)
      return call->fail(call, BERTH_INVALID, "a negative size", NULL);

   crash_if(driver, "create-before");
   if (dice(driver) < driver->fail_rate) return call->fail(call, BERTH_RETRY, "fail_rate says that this one fails", NULL);
   berth_status_t status = wait_for(call, driver->create_ms);
   if (status != BERTH_OK) return status;
   const char *problem = shelf_lock(&driver->shelf);
   if (problem) return unreadable(driver, call, problem);
   machine_t *made = shelf_find_key(&driver->shelf, key);
   bool       is_new = made == NULL;
   if (made)
      placed = *made;
   else
      status = place(driver, call, &wanted, &placed);
   shelf_unlock(&driver->shelf);
   if (status != BERTH_OK) return status;
   crash_if(driver, "create-after");
   write_machine(driver, call, &placed);
   if (is_new) emit_machine(driver, &placed, state_of(&placed));
   return BERTH_OK;
}

/* From which states a verb leads where. Done already is done. */
static const struct {
   const char *verb, *from, *to;
} moves[] = {
   {"start", "stopped", "running"},    {"stop", "running paused suspended", "stopped"}, {"reboot", "running", "running"},
   {"pause", "running", "paused"},     {"unpause", "paused", "running"},                {"suspend", "running paused", "suspended"},
   {"resume", "suspended", "running"},
};

static berth_status_t resize(berth_driver_t *driver, const berth_call_t *call, machine_t *machine, json_t arguments, bool moves_rack) {
   machine_t wanted = *machine;
   if (moves_rack) {
      if (!words(arguments, "node", wanted.node, sizeof wanted.node) || !rack_of(driver, wanted.node))
         return call->fail(call, BERTH_INVALID, "migrate wants a node that there is", NULL);
   } else {
      read_sizes(arguments, &wanted);
   }
   used_t *used = usage(driver, machine->id);
   if (!used) return call->fail(call, BERTH_RETRY, "no memory", NULL);
   bool good = fits(driver, &used[rack_of(driver, wanted.node)], &wanted);
   free(used);
   if (!good) return call->fail(call, BERTH_EXHAUSTED, "the rack has no room for that", NULL);
   *machine = wanted;
   return BERTH_OK;
}

static berth_status_t change(berth_driver_t *driver, const berth_call_t *call, machine_t *machine, const char *verb, json_t arguments) {
   if (strcmp(verb, "destroy") == 0) return shelf_remove(&driver->shelf, machine), BERTH_OK;
   if (strcmp(verb, "resize") == 0) return resize(driver, call, machine, arguments, false);
   if (strcmp(verb, "migrate") == 0) return resize(driver, call, machine, arguments, true);
   for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
      if (strcmp(moves[i].verb, verb) != 0) continue;
      if (!strstr(moves[i].from, machine->state) && strcmp(moves[i].to, machine->state) != 0)
         return fail(call, BERTH_CONFLICT, NULL, "machine %ld is %s: it cannot %s", machine->id, machine->state, verb);
      machine_t wanted = *machine;
      strcpy(wanted.state, moves[i].to);
      used_t *used = usage(driver, machine->id);
      if (!used) return call->fail(call, BERTH_RETRY, "no memory", NULL);
      bool good = !at_rest(machine) || at_rest(&wanted) || fits(driver, &used[rack_of(driver, machine->node)], &wanted);
      free(used);
      if (!good) return fail(call, BERTH_EXHAUSTED, NULL, "the rack has no room to %s it", verb);
      *machine = wanted;
      return BERTH_OK;
   }
   return fail(call, BERTH_UNSUPPORTED, NULL, "this driver cannot %.32s", verb);
}

/* The verbs of the provider itself: new credentials. */
static berth_status_t renew(berth_driver_t *driver, const berth_call_t *call, const char *verb) {
   if (strcmp(verb, "renew") != 0) return fail(call, BERTH_UNSUPPORTED, NULL, "the inventory itself cannot %.32s", verb);
   pthread_mutex_lock(&driver->mutex);
   if (driver->credentials_s > 0) driver->credentials_until_ms = now_ms() + driver->credentials_s * 1000;
   pthread_mutex_unlock(&driver->mutex);
   return BERTH_OK;
}

/* Whether the agent inside a machine answers. */
static berth_status_t ask_agent(berth_driver_t *driver, const berth_call_t *call, const char *id) {
   berth_status_t status  = BERTH_OK;
   machine_t     *machine = lookup(driver, call, id, &status);
   if (!machine) return status;
   bool answers = strcmp(state_of(machine), "running") == 0 && machine->ready_ms + driver->agent_ms <= now_ms();
   shelf_unlock(&driver->shelf);
   return answers ? BERTH_OK : call->fail(call, BERTH_RETRY, "nothing answers inside the machine yet", NULL);
}

static berth_status_t inventory_action(berth_driver_t *driver, const berth_call_t *call, const char *id, const char *verb, const void *args,
                                       size_t args_size) {
   if (!*id) return renew(driver, call, verb);
   if (strcmp(verb, "agent") == 0) return ask_agent(driver, call, id);
   crash_if(driver, "action-before");
   if (dice(driver) < driver->fail_rate) return call->fail(call, BERTH_RETRY, "fail_rate says that this one fails", NULL);
   berth_status_t status = wait_for(call, driver->action_ms);
   if (status != BERTH_OK) return status;
   machine_t *machine = lookup(driver, call, id, &status);
   if (!machine) return status;
   machine_t   before = *machine, after;
   json_t      arguments = {args, args_size};
   bool        is_gone   = strcmp(verb, "destroy") == 0;
   status = change(driver, call, machine, verb, arguments);
   after  = is_gone ? before : *machine;
   if (status == BERTH_OK) {
      const char *problem = shelf_save(&driver->shelf);
      if (problem) status = fail(call, BERTH_RETRY, problem, "the inventory cannot be written");
   }
   shelf_unlock(&driver->shelf);
   if (status != BERTH_OK) return status;
   crash_if(driver, "action-after");
   if (!is_gone) write_machine(driver, call, &after);
   emit_machine(driver, &after, is_gone ? "gone" : state_of(&after));
   return BERTH_OK;
}

/* Who we are. */

static const char *const capabilities[] = {"create", "catalog", "start",   "stop",   "reboot",  "pause",  "unpause",   "suspend",
                                           "resume", "destroy", "resize",  "migrate", "renew",  "agent",  "events", "reentrant", NULL};

static const berth_ops_t operations = {
   sizeof(berth_ops_t), inventory_open, inventory_close,   inventory_health, inventory_capacity,
   inventory_catalog,   inventory_list, inventory_inspect, inventory_create, inventory_action,
};

static const berth_plugin_t plugin = {
   sizeof(berth_plugin_t), BERTH_ABI_MAJOR, BERTH_ABI_MINOR, ID, "Machines in a file", VERSION, "Somebody Else", "Apache-2.0", "",
   capabilities, schema, &operations,
};

const berth_plugin_t *berth_driver_entry(uint32_t host_abi_major, uint32_t host_abi_minor) {
   (void)host_abi_minor; /* nothing here needs more than the first minor */
   return host_abi_major == BERTH_ABI_MAJOR ? &plugin : NULL;
}
