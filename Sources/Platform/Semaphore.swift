import CShim
import Glibc

/// A counting semaphore (`sem_t`) for threads that block; never for Swift's cooperative ones.
public final class Semaphore: Sendable {
    private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

    public init(_ value: UInt32 = 0) {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, value)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    public func signal() {
        sem_post(semaphore)
    }

    public func wait() {
        while sem_wait(semaphore) != 0, cshim_errno() == EINTR {}
    }

    /// Waits until `CLOCK_MONOTONIC` shows `deadline` milliseconds at most; false: it did.
    public func wait(until deadline: Int64) -> Bool {
        var time = timespec(tv_sec: Int(deadline / 1000), tv_nsec: Int(deadline % 1000) * 1_000_000)
        while cshim_sem_wait_until(semaphore, &time) != 0 {
            guard cshim_errno() == EINTR else { return false }
        }
        return true
    }
}
