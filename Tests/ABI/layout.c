/*
 * The layout of the ABI on a 64-bit machine: what a driver built today must find in ten years. Compiled by HeaderTests as
 * C11 with gcc and clang and as C++17, with all warnings as errors.
 */
#include <berth/driver.h>

#ifdef __cplusplus
#define CHECK(condition) static_assert(condition, #condition)
#else
#define CHECK(condition) _Static_assert(condition, #condition)
#endif
#define AT(type, member, offset) CHECK(offsetof(type, member) == (offset))

AT(berth_call_t, size, 0);
AT(berth_call_t, flags, 4);
AT(berth_call_t, id, 8);
AT(berth_call_t, deadline_ms, 16);
AT(berth_call_t, ctx, 24);
AT(berth_call_t, cancelled, 32);
AT(berth_call_t, progress, 40);
AT(berth_call_t, write, 48);
AT(berth_call_t, fail, 56);
CHECK(sizeof(berth_call_t) == 64);

AT(berth_event_t, size, 0);
AT(berth_event_t, kind, 4);
AT(berth_event_t, time_ms, 8);
AT(berth_event_t, subject, 16);
AT(berth_event_t, data, 24);
AT(berth_event_t, data_size, 32);
CHECK(sizeof(berth_event_t) == 40);

AT(berth_host_t, size, 0);
AT(berth_host_t, abi_major, 4);
AT(berth_host_t, abi_minor, 6);
AT(berth_host_t, name, 8);
AT(berth_host_t, version, 16);
AT(berth_host_t, ctx, 24);
AT(berth_host_t, emit, 32);
AT(berth_host_t, log, 40);
CHECK(sizeof(berth_host_t) == 48);

AT(berth_ops_t, size, 0);
AT(berth_ops_t, open, 8);
AT(berth_ops_t, close, 16);
AT(berth_ops_t, health, 24);
AT(berth_ops_t, capacity, 32);
AT(berth_ops_t, catalog, 40);
AT(berth_ops_t, list, 48);
AT(berth_ops_t, inspect, 56);
AT(berth_ops_t, create, 64);
AT(berth_ops_t, action, 72);
CHECK(sizeof(berth_ops_t) == 80);

AT(berth_plugin_t, size, 0);
AT(berth_plugin_t, abi_major, 4);
AT(berth_plugin_t, abi_minor, 6);
AT(berth_plugin_t, id, 8);
AT(berth_plugin_t, name, 16);
AT(berth_plugin_t, version, 24);
AT(berth_plugin_t, vendor, 32);
AT(berth_plugin_t, license, 40);
AT(berth_plugin_t, url, 48);
AT(berth_plugin_t, capabilities, 56);
AT(berth_plugin_t, config_schema, 64);
AT(berth_plugin_t, ops, 72);
CHECK(sizeof(berth_plugin_t) == 80);

AT(berth_note_t, name_size, 0);
AT(berth_note_t, owner, 12);
AT(berth_note_t, layout, 20);
AT(berth_note_t, abi_major, 24);
AT(berth_note_t, abi_minor, 28);
AT(berth_note_t, hash_low, 32);
AT(berth_note_t, hash_high, 36);
AT(berth_note_t, abi, 40);
AT(berth_note_t, id, 72);
AT(berth_note_t, version, 136);
CHECK(sizeof(berth_note_t) == 168);

CHECK(BERTH_OK == 0 && BERTH_RETRY == -1 && BERTH_INVALID == -2 && BERTH_UNSUPPORTED == -3 && BERTH_NOT_FOUND == -4);
CHECK(BERTH_CONFLICT == -5 && BERTH_DENIED == -6 && BERTH_EXHAUSTED == -7 && BERTH_CANCELLED == -8);
CHECK(BERTH_DEADLINE == -9 && BERTH_UNREACHABLE == -10 && BERTH_BROKEN == -11);
CHECK(BERTH_EVENT_STATE == 1 && BERTH_EVENT_STATS == 2 && BERTH_EVENT_HEALTH == 3 && BERTH_EVENT_RESYNC == 4);
CHECK(BERTH_DOCUMENT_MAX == 64u << 20);

#ifdef LONG_ID
BERTH_DRIVER_NOTE("0123456789012345678901234567890123456789012345678901234567890123", "1.0")
#else
BERTH_DRIVER_NOTE("layout", "1.0")
#endif
