/* What the libvirt driver needs in C: typed parameters without Swift's copies, and a child process for the KVM probe. */
/* libvirt's own headers are not included here: Swift has them from CLibvirt, and a type must have one home. */
#ifndef CLIBVIRTSHIM_H
#define CLIBVIRTSHIM_H
#include <stddef.h>
#include <stdint.h>

/* What one record of virConnectGetAllDomainStats() says. A number that is not there is -1. */
typedef struct clibvirt_sample {
   unsigned char uuid[16];
   int state, reason;       /* virDomainState, its reason; -1: not told */
   int64_t cpu_time;        /* cpu.time, nanoseconds since it started */
   int64_t vcpus;           /* vcpu.current */
   int64_t balloon_current; /* balloon.current, KiB */
   int64_t rss;             /* balloon.rss, KiB */
} clibvirt_sample_t;

/* `record` is a virDomainStatsRecordPtr. */
void clibvirt_read_sample(const void *record, clibvirt_sample_t *sample);

typedef enum {
   CLIBVIRT_KVM_WORKS = 0,
   CLIBVIRT_KVM_ABSENT = 1,   /* no /dev/kvm, or no right to open it */
   CLIBVIRT_KVM_FAILS = 2,
   CLIBVIRT_KVM_HANGS = 3,
   CLIBVIRT_KVM_SOFTWARE = 4, /* the processor has neither VMX nor SVM */
} clibvirt_kvm_t;

/* Whether a guest really runs under /dev/kvm: a child process makes a machine of one page and lets it halt. A device
 * that is there and never answers costs the child, not the caller. */
clibvirt_kvm_t clibvirt_probe_kvm(int timeout_ms);

/* Runs argv[0] with nothing but `environment`, both NULL-terminated, its output to /dev/null and its errors to `errors`
 * (at most errors_size - 1 bytes and a NUL). The exit status, 128 + the signal, -1 if it cannot be started, or -2 past
 * timeout_ms: it is killed then. */
int clibvirt_run(const char *const argv[], const char *const environment[], int timeout_ms, char *errors, size_t errors_size);

/* Lets libvirt say nothing on standard error: every error reaches the caller as a value. */
void clibvirt_silence(void);
#endif
