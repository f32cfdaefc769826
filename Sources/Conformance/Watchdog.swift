import Glibc
import Platform
import Synchronization

/// A thread of the child that watches the call in flight: cancels it when that is the check, and ends the child, with the
/// finding, when the call outlives its deadline. Also ends it when the parent has gone.
final class Watchdog: Sendable {
    private struct Watch {
        var name: String
        var end: Int64
        var cancel: (at: Int64, call: ProbeCall)?
        var rule: Int
    }

    private let watch = Mutex<Watch?>(nil)
    private let killTime = Atomic<Int64>(.max)
    private let reporter: Reporter

    init(_ reporter: Reporter) {
        self.reporter = reporter
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Watchdog>.fromOpaque(context).takeUnretainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_detach(thread)
    }

    func arm(_ name: String, until end: Int64, cancelling: (at: Int64, call: ProbeCall)? = nil, rule: Int = 70) {
        watch.withLock { $0 = Watch(name: name, end: end, cancel: cancelling, rule: rule) }
    }

    func disarm() {
        watch.withLock { $0 = nil }
    }

    /// Kills this process at a time, as a crash somewhere in a call would.
    func killAt(_ time: Int64) {
        killTime.store(time, ordering: .relaxed)
    }

    private func run() {
        while true {
            usleep(2_000)
            if reporter.isAlone { _exit(0) }
            let now = Clock.monotonic
            if now >= killTime.load(ordering: .relaxed) { kill(getpid(), SIGKILL) }
            let late = watch.withLock { watch -> Watch? in
                guard var current = watch else { return nil }
                if let cancel = current.cancel, now >= cancel.at {
                    cancel.call.cancelled.store(true, ordering: .relaxed)
                    current.cancel = nil
                    watch = current
                }
                return now > current.end ? current : nil
            }
            guard let late else { continue }
            reporter.finding(
                Finding(
                    late.rule, .fail, "\(late.name) was still running two seconds after it should have ended",
                    do: "give the calls of the provider's library a timeout: what is left of call->deadline_ms"))
            reporter.end()
            _exit(0)
        }
    }
}
