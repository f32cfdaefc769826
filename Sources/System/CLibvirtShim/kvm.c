#define _GNU_SOURCE
#include "clibvirtshim.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Intel's VMX or AMD's SVM. A /dev/kvm without them (kvm-pvm) lets a page halt and then hangs with an ordinary kernel. */
static bool has_hardware(void) {
#if defined(__x86_64__)
   unsigned a, b, c, d;
   if (__get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 5))) return true;
   return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & (1u << 2));
#else
   return true;
#endif
}

/* Runs in the child: system calls only, since another thread of the parent may have held any lock at the fork. */
static int try_kvm(void) {
   int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
   if (kvm < 0) return CLIBVIRT_KVM_ABSENT;
   if (ioctl(kvm, KVM_GET_API_VERSION, 0) != 12) return CLIBVIRT_KVM_FAILS;
   int machine = ioctl(kvm, KVM_CREATE_VM, 0);
   if (machine < 0) return CLIBVIRT_KVM_FAILS;
#if defined(__x86_64__)
   unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
   if (page == MAP_FAILED) return CLIBVIRT_KVM_FAILS;
   page[0] = 0xf4; /* hlt */
   struct kvm_userspace_memory_region region = {
      .guest_phys_addr = 0x1000, .memory_size = 4096, .userspace_addr = (uint64_t)(uintptr_t)page};
   if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0) return CLIBVIRT_KVM_FAILS;
   int cpu = ioctl(machine, KVM_CREATE_VCPU, 0);
   int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
   if (cpu < 0 || size < (int)sizeof(struct kvm_run)) return CLIBVIRT_KVM_FAILS;
   struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
   if (run == MAP_FAILED) return CLIBVIRT_KVM_FAILS;
   struct kvm_sregs segments;
   if (ioctl(cpu, KVM_GET_SREGS, &segments) < 0) return CLIBVIRT_KVM_FAILS;
   segments.cs.base = 0;
   segments.cs.selector = 0;
   struct kvm_regs registers;
   memset(&registers, 0, sizeof registers);
   registers.rip = 0x1000;
   registers.rflags = 2;
   if (ioctl(cpu, KVM_SET_SREGS, &segments) < 0 || ioctl(cpu, KVM_SET_REGS, &registers) < 0) return CLIBVIRT_KVM_FAILS;
   if (ioctl(cpu, KVM_RUN, 0) < 0) return CLIBVIRT_KVM_FAILS;
   return run->exit_reason == KVM_EXIT_HLT ? CLIBVIRT_KVM_WORKS : CLIBVIRT_KVM_FAILS;
#else
   return CLIBVIRT_KVM_WORKS;
#endif
}

clibvirt_kvm_t clibvirt_probe_kvm(int timeout_ms) {
   if (access("/dev/kvm", F_OK) != 0) return CLIBVIRT_KVM_ABSENT;
   if (!has_hardware()) return CLIBVIRT_KVM_SOFTWARE;
   pid_t child = fork();
   if (child < 0) return CLIBVIRT_KVM_FAILS;
   if (child == 0) _exit(try_kvm());
   int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
   struct pollfd poller = {.fd = pidfd, .events = POLLIN};
   int ready = pidfd < 0 ? 0 : poll(&poller, 1, timeout_ms);
   if (pidfd >= 0) close(pidfd);
   int status = 0;
   if (ready != 1) {
      kill(child, SIGKILL);
      /* One that hangs in the kernel may not even die: it is not waited for. */
      for (int i = 0; i < 20 && waitpid(child, &status, WNOHANG) == 0; i++) poll(NULL, 0, 10);
      return CLIBVIRT_KVM_HANGS;
   }
   waitpid(child, &status, 0);
   return WIFEXITED(status) ? (clibvirt_kvm_t)WEXITSTATUS(status) : CLIBVIRT_KVM_FAILS;
}
