/*
 * berth/driver.h - the plugin ABI compute/1
 *
 * A driver is a shared library that exports one function, berth_driver_entry(), which returns a static
 * descriptor that points to a table of nine operations. A driver author needs this header and a C compiler.
 *
 * Every operation has the same shape: status f(driver, call, scalars..., document, size). Scalars decide, a JSON
 * document describes, and `call` carries the deadline, cancellation, progress, the result sink and the error.
 *
 * Tags on members and functions:
 *   [worker]  called on a host thread, one call per handle at a time unless the driver lists "reentrant". It may block
 *             until the deadline of the call
 *   [any]     may be called from any thread: of berth_call_t until its call returns, of berth_host_t until close
 *             returns
 *   [host]    made and owned by the host, borrowed by the driver: until the operation returns where it belongs to a
 *             call, until close returns where it belongs to berth_host_t
 *   [driver]  made and owned by the driver, borrowed by the host until the call that it is handed to returns
 *   [static]  owned by the driver; valid and unchanged for the life of the process
 *
 * Strings are UTF-8 and NUL-terminated. Nobody frees the other side's memory. No C++ exception and no Swift error
 * crosses a call. `size` stands first in every struct, fields are only appended, and what lies past `size` reads as
 * zero; more than the other side knows is fine while the extra bytes are zero. Growth: new verbs and capabilities are
 * strings, a new slot is a new minor. The rules are numbered in docs/abi.md, each with what happens otherwise.
 */
#ifndef BERTH_DRIVER_H
#define BERTH_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_ABI_MAJOR 1u /* differs: the driver is not loaded */
#define BERTH_ABI_MINOR 0u /* the host's must be at least the driver's */

/* What every operation returns. A value not listed here counts as BERTH_BROKEN. */
typedef int32_t berth_status_t;

enum {
   BERTH_OK          = 0,
   BERTH_RETRY       = -1,  /* a passing failure: the same call may succeed later */
   BERTH_INVALID     = -2,  /* the request is wrong and will stay wrong */
   BERTH_UNSUPPORTED = -3,  /* this driver or provider cannot do it */
   BERTH_NOT_FOUND   = -4,  /* no such machine, image, network ... */
   BERTH_CONFLICT    = -5,  /* the state of things forbids it now */
   BERTH_DENIED      = -6,  /* credentials refused, or not enough rights */
   BERTH_EXHAUSTED   = -7,  /* no room, quota used up */
   BERTH_CANCELLED   = -8,  /* the host asked to stop (call->cancelled) and the driver did */
   BERTH_DEADLINE    = -9,  /* the deadline of the call passed */
   BERTH_UNREACHABLE = -10, /* the provider does not answer */
   BERTH_BROKEN      = -11  /* the driver's own fault, or a provider that answers nonsense */
};

/* A result document has at most so many bytes. */
#define BERTH_DOCUMENT_MAX 67108864u /* 64 MiB */

/*
 * One request. [host]
 */
typedef struct berth_call {
   uint32_t size;        /* sizeof(berth_call_t) as the host knows it; bytes past the driver's own are to be ignored */
   uint32_t flags;       /* 0; drivers ignore bits that they do not know */
   uint64_t id;          /* of this request, in every log line, reply and trace of it */
   int64_t  deadline_ms; /* CLOCK_MONOTONIC in milliseconds; past it, plus a grace, the worker is killed. 0: none */
   void    *ctx;         /* the host's own; not for drivers */

   /* Whether the host no longer wants the answer. Cheap; ask often. [any] */
   bool (*cancelled)(const struct berth_call *call);

   /* How far the call is (0 to 1) and with what. `what` is copied. [any] */
   void (*progress)(const struct berth_call *call, double fraction, const char *what);

   /* Appends to the result document; `data` is copied. False: the document would exceed BERTH_DOCUMENT_MAX, or the
    * host no longer takes it; return at once. A call that fails leaves no document. On the thread of the call. [worker] */
   bool (*write)(const struct berth_call *call, const void *data, size_t size);

   /* States why the call fails and returns `status`, so that a driver can end with
    * `return call->fail(call, BERTH_DENIED, "wrong password", "HTTP 401");`. `message` is for a person, `native`
    * the provider's own words or NULL; both are copied, and neither may hold a secret. The last one counts. [any] */
   berth_status_t (*fail)(const struct berth_call *call, berth_status_t status, const char *message, const char *native);
} berth_call_t;

/*
 * Something that happened at the provider without a call; emit() copies all of it. [driver]
 */
typedef struct berth_event {
   uint32_t    size;      /* sizeof(berth_event_t) as the driver knows it */
   int32_t     kind;      /* BERTH_EVENT_... */
   int64_t     time_ms;   /* Unix time in milliseconds; 0: now */
   const char *subject;   /* the machine's id, or "" for the provider itself. [driver] */
   const void *data;      /* STATE: a machine document; STATS: its "usage"; HEALTH: {"state":"up|down","message"};
                           * RESYNC: nothing, and NULL is fine. [driver] */
   size_t      data_size; /* bytes at data */
} berth_event_t;

enum {
   BERTH_EVENT_STATE  = 1, /* a machine appeared, changed or went */
   BERTH_EVENT_STATS  = 2, /* usage of a machine */
   BERTH_EVENT_HEALTH = 3, /* the provider came or went */
   BERTH_EVENT_RESYNC = 4  /* events were missed: the host lists again */
};

/*
 * The host, as a driver sees it; valid from open() until close() returns, and until a failed open() returns. [host]
 */
typedef struct berth_host {
   uint32_t    size;      /* sizeof(berth_host_t) as the host knows it */
   uint16_t    abi_major; /* BERTH_ABI_MAJOR of the host */
   uint16_t    abi_minor; /* BERTH_ABI_MINOR of the host */
   const char *name;      /* "berth". [host] */
   const char *version;   /* the host's version. [host] */
   void       *ctx;       /* the host's own; not for drivers */

   /* Copies the event and never blocks. False: the queue is full; the host remembers and lists again by itself. [any] */
   bool (*emit)(const struct berth_host *host, const berth_event_t *event);

   /* One line for the host's log; levels as in syslog (3 error, 4 warning, 6 info, 7 debug). Copied. [any] */
   void (*log)(const struct berth_host *host, int32_t syslog_level, const char *message);
} berth_host_t;

/* The driver's own state for one provider; the host only hands it back. From open() until close() returns. [driver] */
typedef struct berth_driver berth_driver_t;

/*
 * The operations of compute/1. All slots are filled; `capabilities` says what works, and the host never calls what
 * is not listed. The order is that of the calls in `[abi compute/1]`.
 */
typedef struct berth_ops {
   uint32_t size; /* sizeof(berth_ops_t) as the driver knows it; slots past it read as zero, and are then missing */

   /* Connects with `config` (a JSON object, already checked against config_schema, its defaults filled in) and stores a
    * handle in *driver. `host` may be kept until close. A failed open gets no close, and keeps nothing. [worker] */
   berth_status_t (*open)(const berth_host_t *host, const berth_call_t *call, const void *config, size_t config_size,
                          berth_driver_t **driver);

   /* Releases the handle, its threads and descriptors; no emit or log after it returns. No call is in flight. [worker] */
   void (*close)(berth_driver_t *driver);

   /* Whether the provider answers and lets us in. May write {"credentials_until": "2027-01-01T00:00:00Z"}: then the host
    * calls the verb renew before that, if the driver lists it. [worker] */
   berth_status_t (*health)(berth_driver_t *driver, const berth_call_t *call);

   /* Writes a capacity document: nodes, what they have and what is used. [worker] */
   berth_status_t (*capacity)(berth_driver_t *driver, const berth_call_t *call);

   /* Writes a catalog document: images, networks, sizes. [worker] */
   berth_status_t (*catalog)(berth_driver_t *driver, const berth_call_t *call);

   /* Writes every machine, one machine document a line (JSON Lines). [worker] */
   berth_status_t (*list)(berth_driver_t *driver, const berth_call_t *call);

   /* Writes one machine document; BERTH_NOT_FOUND if it is not there. [worker] */
   berth_status_t (*inspect)(berth_driver_t *driver, const berth_call_t *call, const char *id);

   /* Makes a machine and writes its document, or the document of the machine that this key already made, also after a
    * crash in between. `key` is a UUID made by the host and is stored with the machine at the provider. INVALID,
    * UNSUPPORTED, CONFLICT, DENIED and EXHAUSTED promise that nothing exists or will appear under the key; every other
    * failure means that nobody knows. [worker] */
   berth_status_t (*create)(berth_driver_t *driver, const berth_call_t *call, const char *key, const void *spec,
                            size_t spec_size);

   /* Does `verb` to machine `id` ("" is the provider itself) with a JSON object of arguments, and may write a document:
    * the machine as it is then, or what the verb defines. What is so already is done: starting what runs is OK. Core
    * verbs: start stop reboot pause unpause suspend resume destroy resize snapshot restore console migrate renew agent;
    * a driver's own are called vendor.verb. renew (id "") is for credentials; agent is OK once the agent inside the
    * machine answers, and RETRY until then. [worker] */
   berth_status_t (*action)(berth_driver_t *driver, const berth_call_t *call, const char *id, const char *verb,
                            const void *args, size_t args_size);
} berth_ops_t;

/*
 * The descriptor. Everything it points to is [static].
 */
typedef struct berth_plugin {
   uint32_t    size;      /* sizeof(berth_plugin_t) as the driver knows it; bytes past it read as zero */
   uint16_t    abi_major; /* BERTH_ABI_MAJOR the driver was built with */
   uint16_t    abi_minor; /* BERTH_ABI_MINOR the driver was built with */
   const char *id;        /* as in the ELF note: [a-z0-9][a-z0-9.-]*, at most 63 bytes */
   const char *name;      /* for people */
   const char *version;   /* as in the ELF note */
   const char *vendor;    /* who made it, or "" */
   const char *license;   /* SPDX expression, or "" */
   const char *url;       /* where to read more, or "" */
   const char *const *capabilities; /* NULL-terminated: "create", the verbs of action, "catalog", "events", "reentrant" */
   const char *config_schema;       /* JSON Schema of open()'s config: an object */
   const berth_ops_t *ops;          /* the table of the ABI that the note names; cast where that is not compute/1 */
} berth_plugin_t;

/* What a driver exports. Quick, no I/O, no threads; answers the same [static] descriptor each time. NULL: the driver
 * refuses this host. [worker] */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const berth_plugin_t *berth_driver_entry(uint32_t host_abi_major, uint32_t host_abi_minor);

/*
 * The ELF note: who the driver is, readable without running a line of it. Write once, at file scope, in C:
 *
 *    BERTH_DRIVER_NOTE("inventory", "1.0")
 *
 * without a semicolon behind it. Drivers of another ABI than compute write BERTH_DRIVER_NOTE_FOR; `berth abi header`
 * prints the hash. In Swift, PluginKit's #berthDriver does the same.
 *
 * Layout of the descriptor in section .note.berth (owner "Berth", type 1, little endian):
 *    u32 layout (1)   u32 abi major   u32 abi minor   u64 hash of the [abi] section   char abi[32]   char id[64]
 *    char version[32]
 * Unused bytes are zero.
 */
#define BERTH_NOTE_TYPE   1u
#define BERTH_NOTE_LAYOUT 1u

/* FNV-1a (64 bits) of the canonical text of `[abi compute/1]` as of this minor; `berth abi header` prints it. */
#define BERTH_ABI_HASH 0xd813e425095175b8ull

typedef struct berth_note {
   uint32_t name_size, desc_size, type;
   char     owner[8];
   uint32_t layout, abi_major, abi_minor, hash_low, hash_high;
   char     abi[32], id[64], version[32];
} berth_note_t;

#define BERTH_DRIVER_NOTE(id, version) \
   BERTH_DRIVER_NOTE_FOR("compute", BERTH_ABI_MAJOR, BERTH_ABI_MINOR, BERTH_ABI_HASH, id, version)

#ifdef __cplusplus
#define BERTH_NOTE_FITS_(text, member, what) static_assert(sizeof(text) <= sizeof(berth_note_t::member), what)
#else
#define BERTH_NOTE_FITS_(text, member, what) _Static_assert(sizeof(text) <= sizeof(((berth_note_t *)0)->member), what)
#endif

#define BERTH_DRIVER_NOTE_FOR(abi_, major_, minor_, hash_, id_, version_)                                             \
   BERTH_NOTE_FITS_(abi_, abi, "the ABI's name is longer than 31 bytes");                                             \
   BERTH_NOTE_FITS_(id_, id, "the driver's id is longer than 63 bytes");                                              \
   BERTH_NOTE_FITS_(version_, version, "the driver's version is longer than 31 bytes");                               \
   __attribute__((used, aligned(4), section(".note.berth"))) static const berth_note_t berth_driver_note_ = {         \
      6u, (uint32_t)(sizeof(berth_note_t) - 20u), BERTH_NOTE_TYPE, "Berth", BERTH_NOTE_LAYOUT, (major_), (minor_),    \
      (uint32_t)((hash_) & 0xffffffffu), (uint32_t)((hash_) >> 32), abi_, id_, version_};

#ifdef __cplusplus
}
#endif

/*
 * Changes of the ABI, newest first.
 *   1.0  the first.
 */
#endif
