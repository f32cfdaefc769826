import Glibc
import JSON
import Platform
import PluginABI
import Synchronization

extension Check {
    /// Deadlines, cancellation, a host that takes no more, and several calls at a time.
    static let timeChecks = [
        Check(name: "deadline", level: 2, calls: ["open", "health", "capacity", "list"]) { (examination) throws(CheckStop) in
            let subject = try examination.open()
            for deadline in [Int64(-1), 1, 200] {
                subject.call("health", deadline: deadline) { subject.ops.health(subject.handle, $0) }
                subject.call("capacity", deadline: deadline) { subject.ops.capacity(subject.handle, $0) }
                subject.call("list", deadline: deadline) { subject.ops.list(subject.handle, $0) }
            }
            subject.close()
            subject.audit()
        },
        Check(name: "cancel", level: 2, calls: ["open", "list"]) { (examination) throws(CheckStop) in
            let subject = try examination.open()
            for cancel in [Int64(0), 20] {
                let answer = subject.call("list", deadline: 8_000, cancelAfter: cancel) { subject.ops.list(subject.handle, $0) }
                subject.checkCancelled("list", answer, after: cancel)
            }
            subject.close()
            subject.audit()
        },
        Check(name: "refused-document", level: 2, calls: ["open", "list", "capacity"]) { (examination) throws(CheckStop) in
            let subject = try examination.open()
            for limit in [0, 64] {
                subject.call("list", limit: limit, isExpectedToOverflow: true) { subject.ops.list(subject.handle, $0) }
                subject.call("capacity", limit: limit, isExpectedToOverflow: true) { subject.ops.capacity(subject.handle, $0) }
            }
            subject.close()
            subject.audit()
        },
        Check(name: "events", level: 2, needs: ["events"], calls: ["open", "list", "close"]) { (examination) throws(CheckStop) in
            let subject = try examination.open()
            subject.host.takesEvents.store(false, ordering: .relaxed)
            _ = subject.list()
            usleep(200_000)
            subject.host.takesEvents.store(true, ordering: .relaxed)
            _ = subject.list()
            usleep(100_000)
            subject.checkEvents()
            subject.close()
            subject.audit()
        },
        Check(name: "reentrant", level: 2, needs: ["reentrant"], calls: ["open", "list", "inspect", "capacity"]) {
            (examination) throws(CheckStop) in
            let subject = try examination.open()
            let ids = (subject.list() ?? []).prefix(5).map(\.id)
            examination.reporter.at("several calls at a time")
            examination.watchdog.arm("several calls at a time", until: Clock.monotonic + 40_000)
            let crowd = Crowd(ops: subject.ops, handle: subject.handle, ids: ids)
            crowd.run(threads: 4)
            examination.watchdog.disarm()
            if crowd.failures > 0 {
                examination.found(
                    36, .fail, "\(crowd.failures) of \(crowd.calls) calls failed when four came at a time",
                    do: "guard what the calls share, or do not list reentrant")
            }
            subject.close()
            subject.audit()
        },
    ]
}

/// Several threads that call one handle.
private final class Crowd: Sendable {
    let ops: berth_ops_t
    nonisolated(unsafe) let handle: OpaquePointer?
    let ids: [String]
    private let counts = Mutex((calls: 0, failures: 0))

    var calls: Int { counts.withLock { $0.calls } }
    var failures: Int { counts.withLock { $0.failures } }

    init(ops: berth_ops_t, handle: OpaquePointer?, ids: [String]) {
        self.ops = ops
        self.handle = handle
        self.ids = ids
    }

    func run(threads count: Int) {
        let threads = (0..<count).map { _ in
            var thread = pthread_t()
            pthread_create(
                &thread, nil,
                { context in
                    if let context { Unmanaged<Crowd>.fromOpaque(context).takeUnretainedValue().work() }
                    return nil
                }, Unmanaged.passUnretained(self).toOpaque())
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
    }

    private func work() {
        let end = Clock.monotonic + 1_000
        while Clock.monotonic < end {
            one { ops.list(handle, $0) }
            one { ops.capacity(handle, $0) }
            for id in ids { one(mayBeGone: true) { ops.inspect(handle, $0, id) } }
        }
    }

    private func one(mayBeGone: Bool = false, _ body: (UnsafePointer<berth_call_t>) -> Int32) {
        let probe = ProbeCall(id: 1, deadline: Clock.monotonic + 30_000)
        let status = body(probe.raw)
        _ = probe.end()
        let isFine = status == BERTH_OK || mayBeGone && status == BERTH_NOT_FOUND
        counts.withLock { counts in
            counts.calls += 1
            if !isFine { counts.failures += 1 }
        }
    }
}
