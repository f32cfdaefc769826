import CShim
import Glibc
import Platform
import Synchronization

extension ProviderHost {
    /// Hands over a call. `completion` is called exactly once, on the provider's thread or, where the provider takes no
    /// calls, on this one. Calls that find no free thread of the driver wait in order, at most to their deadline.
    @discardableResult
    public func call(_ call: DriverCall, completion: @escaping @Sendable (CallOutcome) -> Void) -> CallTicket {
        let now = Clock.monotonic
        let (id, refusal, needsLoop) = state.withLock { state -> (UInt64, CallOutcome?, Bool) in
            let id = state.takeID()
            if let refusal = state.refusal(of: call, at: now) { return (id, refusal, false) }
            state.calls.add(CallTable.Waiting(id: id, call: call, completion: completion))
            let isBlocked = state.sendMore(at: now)
            return (id, nil, isBlocked || call.deadline < state.loopWakes)
        }
        if let refusal { completion(refusal) } else if needsLoop { wake() }
        return CallTicket(id: id)
    }

    public func call(_ call: DriverCall) async -> CallOutcome {
        await withCheckedContinuation { continuation in self.call(call) { continuation.resume(returning: $0) } }
    }

    /// Nobody wants the answer any more: a call that waits is answered `cancelled`, one in flight is told so and answers
    /// as its driver sees fit.
    public func cancel(_ ticket: CallTicket) {
        let (waiting, isBlocked) = state.withLock { state -> (CallTable.Waiting?, Bool) in
            if let waiting = state.calls.remove(ticket.id) { return (waiting, false) }
            return (nil, state.cancelFlight(ticket.id))
        }
        waiting?.completion(.notRun(.cancelled, "cancelled before the driver saw it"))
        if isBlocked { wake() }
    }
}

extension CallOutcome {
    /// The answer to a call that the driver never saw.
    static func notRun(_ status: CallStatus, _ message: String) -> CallOutcome {
        var outcome = CallOutcome(status, message: message)
        outcome.hasRun = false
        return outcome
    }
}

extension ProviderHost.State {
    mutating func takeID() -> UInt64 {
        defer { nextID += 1 }
        return nextID
    }

    /// What a call gets that is not even queued.
    func refusal(of call: DriverCall, at now: Int64) -> CallOutcome? {
        if !isRunning { return .notRun(.retry, "the provider is not started") }
        if call.deadline <= now { return .notRun(.deadline, "the deadline had passed before the call was made") }
        if calls.isFull { return .notRun(.retry, "\(CallTable.mostWaiting) calls wait for this provider already") }
        // Started, and its thread has not come to it yet.
        if machine.phase == .off(.stopped), stopBy == nil { return nil }
        guard let refusal = machine.refusal else { return nil }
        return .notRun(refusal.status, "provider \(status.name) is \(machine.state.state.rawValue): \(refusal.message)")
    }

    /// Sends what may go; true: the socket is full, and the loop must wait for it.
    mutating func sendMore(at now: Int64) -> Bool {
        // Between a worker's end and the machine's hearing of it calls wait.
        guard machine.isOpen, channel != nil else { return false }
        while calls.flights.count < limit, outgoing.isEmpty, let flight = calls.takeOff(at: now) {
            let (list, body) = CallArgument.encode(flight.call.arguments)
            var header = WorkerHeader("call.\(flight.call.name)", flight.id)
            header.options = [.init(name: "deadline", value: "\(flight.call.deadline)"), .init(name: "values", value: list)]
            if flight.call.progress != nil { header.options.append(.init(name: "progress", value: "yes")) }
            send(WorkerFrame(header: header, body: body))
        }
        return !outgoing.isEmpty
    }

    mutating func cancelFlight(_ id: UInt64) -> Bool {
        guard let flight = calls.flights[id], !flight.isCancelled else { return false }
        calls.update(id) { $0.isCancelled = true }
        send(WorkerFrame(header: WorkerHeader("worker.cancel", id)))
        return !outgoing.isEmpty
    }

    /// Writes a frame, or what the socket takes of it; the rest goes when it takes more. A worker that is gone is noticed by
    /// the loop.
    mutating func send(_ frame: WorkerFrame) {
        guard outgoing.isEmpty, let channel else {
            outgoing += frame.bytes
            return flush()
        }
        outgoing = Array(frame.send(to: channel, flags: Int32(MSG_DONTWAIT)).rest)
    }

    mutating func flush() {
        guard let channel, !outgoing.isEmpty else { return }
        let sent = outgoing.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.send(
                    channel, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                if count > 0 { sent += count } else if count == 0 || cshim_errno() != EINTR { break }
            }
            return sent
        }
        if sent == outgoing.count { outgoing = [] } else { outgoing.removeFirst(sent) }
    }
}
