/// Time for durations, in milliseconds since the ledger was made. It is `CLOCK_BOOTTIME` within a boot of the machine, so setting the clock
/// changes nothing, and sleep counts. Over a reboot only real time can say how long the machine was off: the difference to the last mark
/// is taken, never less than zero. Marks are made durable each minute, so a clock that was set while the host ran costs at most a minute.
public struct SteadyClock: Sendable, Equatable {
    /// A moment on all clocks.
    public struct Mark: Sendable, Equatable {
        public var steady: Int64
        /// `CLOCK_BOOTTIME`.
        public var boot: Int64
        /// Which boot of the machine that was (`/proc/sys/kernel/random/boot_id`).
        public var bootID: String
        /// `CLOCK_REALTIME`.
        public var real: Int64

        public init(steady: Int64, boot: Int64, bootID: String, real: Int64) {
            self.steady = steady
            self.boot = boot
            self.bootID = bootID
            self.real = real
        }
    }

    /// What to add to `CLOCK_BOOTTIME` of this boot.
    public private(set) var offset: Int64

    /// Goes on from the last mark; without one, time starts at zero.
    public init(after mark: Mark?, boot: Int64, bootID: String, real: Int64) {
        guard let mark else {
            offset = -boot
            return
        }
        let passed = mark.bootID == bootID ? max(0, boot - mark.boot) : max(0, real - mark.real)
        offset = mark.steady + passed - boot
    }

    public func steady(boot: Int64) -> Int64 { boot + offset }
}
