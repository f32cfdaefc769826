import Glibc

/// The machine's clocks, in milliseconds.
public enum Clock {
    /// Real time since 1970 (`CLOCK_REALTIME`); steps when somebody sets it.
    public static var real: Int64 { milliseconds(CLOCK_REALTIME) }
    /// Time that never steps and stands still while the machine sleeps (`CLOCK_MONOTONIC`): for deadlines.
    public static var monotonic: Int64 { milliseconds(CLOCK_MONOTONIC) }
    /// Time that never steps and goes on while the machine sleeps (`CLOCK_BOOTTIME`): for the durations of leases.
    public static var boot: Int64 { milliseconds(CLOCK_BOOTTIME) }

    /// `CLOCK_MONOTONIC` in nanoseconds, for measuring.
    public static var nanoseconds: Int64 {
        let time = time(CLOCK_MONOTONIC)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Which boot of the machine this is (`/proc/sys/kernel/random/boot_id`): `boot` compares within one only. Empty where nobody says.
    public static var bootID: String {
        let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 36)
        guard read(file, &bytes, 36) == 36 else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func time(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }

    private static func milliseconds(_ clock: clockid_t) -> Int64 {
        let time = time(clock)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
