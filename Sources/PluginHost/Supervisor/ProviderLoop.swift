import CShim
import Glibc
import JSON
import Model
import Platform
import Synchronization

/// The thread of one provider: waits for its worker, its clocks and its owner, tells the state machine, and does what that
/// says. Everything here belongs to this thread; what others need is in `ProviderHost.State`.
final class ProviderLoop {
    let host: ProviderHost
    var worker: (any RunningWorker)?
    var stream = FrameStream()
    var lines = LineCollector()
    let place = ThreadWorker.Place()
    /// The calls that the loaded driver has.
    var calls: Set<String> = []
    /// Who gets the answers to the host's own calls.
    var handlers: [UInt64: (CallOutcome) -> Void] = [:]
    /// Why the worker must go; told when it has gone.
    var killReason: String?
    /// The socket has nothing more to say.
    var isHungUp = false
    var spawned = 0
    /// The call that has outlived its deadline.
    var overrun: UInt64?
    /// What `wait` was told by `prepareToSleep`.
    var sleepsUntil = Int64.max

    // Clocks of this worker, `CLOCK_MONOTONIC`; nil: not wanted.
    var stopDeadline: Int64?
    var quiescedSince: Int64?
    var memoryCheck: Int64?
    var hangUpDeadline: Int64?

    init(_ host: ProviderHost) {
        self.host = host
    }

    var now: Int64 { Clock.monotonic }

    func run() {
        // What is not usable is known before the first worker.
        if let obstacle = host.state.withLock({ $0.plan.obstacle }) {
            host.state.withLock { $0.inputs = $0.inputs.map { $0 == .start ? obstacle : $0 } }
        }
        while true {
            takeInputs()
            checkClocks()
            publish()
            if isOver { break }
            wait()
        }
        finish()
    }

    /// Stopped, and no worker is left.
    private var isOver: Bool {
        worker == nil && host.state.withLock { $0.machine.phase == .off(.stopped) && $0.stopBy != nil && $0.inputs.isEmpty }
    }

    private func finish() {
        let (waiting, waiters) = host.state.withLock { state in
            state.isRunning = false
            defer { state.waiters = [] }
            return (state.calls.removeAllWaiting(), state.waiters)
        }
        for call in waiting { call.completion(.notRun(.retry, "the host is stopping")) }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: the machine

    private func takeInputs() {
        let inputs = host.state.withLock { state in
            defer { state.inputs = [] }
            return state.inputs
        }
        for input in inputs { tell(input) }
    }

    /// Tells the machine and does what it answers; what that brings about is told too.
    func tell(_ input: SupervisorMachine.Input) {
        let now = now
        let effects = host.state.withLock { $0.machine.handle(input, at: now) }
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: SupervisorMachine.Effect) {
        switch effect {
        case .spawn: spawn()
        case .open: askOpen()
        case .askHealth: askHealth()
        case .quiesce:
            quiescedSince = now
            if host.state.withLock({ $0.calls.flights.isEmpty }) { tell(.idle) }
        case .stopWorker:
            host.state.withLock { $0.send(WorkerFrame(header: WorkerHeader("worker.stop"))) }
            quiescedSince = nil
            stopDeadline = now + 5_000
        case .killWorker: worker?.kill()
        case .release: host.state.withLock { _ = $0.sendMore(at: now) }
        case .refuse(let status, let message):
            let waiting = host.state.withLock { $0.calls.removeAllWaiting() }
            for call in waiting { call.completion(.notRun(status, "provider \(host.name): \(message)")) }
        }
    }

    /// Ends the worker for a reason that its calls and its provider will show.
    func mustDie(_ reason: String) {
        killReason = killReason ?? reason
        tell(.mustDie(reason))
    }

    // MARK: status

    private func publish() {
        let process = worker?.process
        let restarts = max(0, spawned - 1)
        let last = lines.last
        let changed = host.state.withLock { state -> ProviderStatus? in
            var status = state.status
            let (value, reason) = state.machine.state
            if value != status.state { status.since = Instant(milliseconds: Clock.real) }
            status.state = value
            status.reason = reason
            status.plugin = state.plan.provider.plugin
            status.isolation = state.plan.provider.isolation
            status.process = process
            status.restarts = restarts
            let isTimed = value == .restarting || value == .quarantined || value == .unreachable
            let retry = isTimed ? state.machine.wake.map { Instant(milliseconds: Clock.real + $0 - now) } : nil
            // A clock that is set must not look like a change.
            if let old = status.retry, let retry, abs(old - retry) < 1_000 {} else { status.retry = retry }
            guard status != state.status else { return nil }
            if status.state == .quarantined || status.death != state.status.death { status.lastLines = last }
            state.status = status
            return status
        }
        guard let changed else { return }
        host.listener.status(changed)
    }
}
