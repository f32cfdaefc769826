import CShim
import Glibc
import Platform
import Synchronization

extension ProviderLoop {
    /// Sleeps until something happens, and takes it in.
    func wait() {
        let wantsRoom = prepareToSleep()
        var set = [pollfd(fd: host.wakeUp, events: Int16(POLLIN), revents: 0)]
        if let worker {
            set.append(pollfd(fd: worker.ended, events: Int16(POLLIN), revents: 0))
            let channel = isHungUp ? -1 : worker.channel
            set.append(pollfd(fd: channel, events: Int16(POLLIN) | (wantsRoom ? Int16(POLLOUT) : 0), revents: 0))
            set += worker.outputs.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        }
        let timeout = sleepsUntil == .max ? -1 : Int32(clamping: max(0, sleepsUntil - now))
        guard poll(&set, nfds_t(set.count), timeout) > 0 else { return }
        if set[0].revents != 0 {
            cshim_eventfd_clear(host.wakeUp)
        }
        guard let worker else { return }
        for (index, output) in worker.outputs.enumerated() where set[3 + index].revents != 0 { readLines(output, mostBytes: 64 << 10) }
        if set[2].revents & Int16(POLLOUT) != 0 {
            host.state.withLock { state in
                state.flush()
                _ = state.sendMore(at: now)
            }
        }
        if set[2].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { readFrames(worker.channel) }
        if set[1].revents != 0 { bury(worker) }
    }

    /// Settles how long to sleep, under the lock that calls are made under: one that needs the loop earlier wakes it.
    private func prepareToSleep() -> Bool {
        let now = now
        let grace = host.surroundings.grace
        let clocks = [stopDeadline, quiescedSince.map { $0 + host.surroundings.reloadPatience }, memoryCheck, hangUpDeadline].compactMap {
            $0
        }
        return host.state.withLock { state in
            var wake = min(state.calls.earliestWaiting, state.machine.wake ?? .max, clocks.min() ?? .max)
            for flight in state.calls.flights.values {
                let deadline = flight.call.deadline
                wake = min(wake, flight.isCancelled && deadline <= now ? deadline.advanced(by: Int(grace)) : deadline)
            }
            if let stopBy = state.stopBy, worker != nil { wake = min(wake, stopBy) }
            if !state.inputs.isEmpty { wake = now }
            // Waking once for nothing is cheaper than being woken by each call because nothing was in flight before it.
            if state.loopWakes > now, state.loopWakes < wake { wake = state.loopWakes }
            state.loopWakes = wake
            sleepsUntil = wake
            return !state.outgoing.isEmpty
        }
    }

    /// What has come due.
    func checkClocks() {
        let now = now
        if host.state.withLock({ $0.machine.wake.map { $0 <= now } ?? false }) { tell(.tick) }
        checkCalls(at: now)
        guard let worker else { return }
        if let due = stopDeadline, due <= now {
            stopDeadline = nil
            mustDie("it did not close within 5 s")
        }
        if let since = quiescedSince, since + host.surroundings.reloadPatience <= now { takeBack(at: now) }
        if let due = hangUpDeadline, due <= now {
            hangUpDeadline = nil
            mustDie("it hung up and did not end")
        }
        if let due = memoryCheck, due <= now { checkMemory(worker, at: now) }
        if let stopBy = host.state.withLock({ $0.stopBy }), stopBy <= now, killReason == nil { mustDie("the host is stopping") }
    }

    /// Calls past their deadline: those that wait are answered, those in flight are cancelled, and past the grace their worker
    /// has to go.
    private func checkCalls(at now: Int64) {
        let grace = host.surroundings.grace
        let (expired, overran) = host.state.withLock { state -> ([CallTable.Waiting], CallTable.Flight?) in
            for flight in state.calls.flights.values where flight.call.deadline <= now { _ = state.cancelFlight(flight.id) }
            let overran = state.calls.flights.values.first { now - $0.call.deadline >= grace }
            return (state.calls.removeExpired(at: now), overran)
        }
        let status = host.status
        for waiting in expired {
            waiting.completion(
                .notRun(.deadline, "the deadline passed while the call waited: provider \(host.name) is \(status.state.rawValue)"))
        }
        guard let overran, killReason == nil else { return }
        overrun = overran.id
        mustDie("\(overran.call.name) outlived its deadline by \(grace) ms")
    }

    /// A reload that calls hold up: those that can be repeated are, with the next worker, if no others are in flight.
    private func takeBack(at now: Int64) {
        let isDue = host.state.withLock { state in
            let flights = state.calls.flights.values
            guard state.stopBy == nil, !flights.isEmpty, flights.allSatisfy({ $0.call.isRepeatable }) else { return false }
            for flight in state.calls.landAll().reversed() { state.calls.addFirst(flight.waiting) }
            return true
        }
        quiescedSince = isDue ? nil : now
        if isDue { mustDie("it is replaced, and its calls are made again") }
    }

    /// Looks often while calls run: a driver can ask for a gigabyte in a second.
    private func checkMemory(_ worker: any RunningWorker, at now: Int64) {
        let (limit, isBusy) = host.state.withLock { ($0.plan.provider.memory, !$0.calls.flights.isEmpty) }
        memoryCheck = now + (isBusy ? 100 : 1_000)
        guard let limit, let process = worker.process, let used = ProcessMemory.privateBytes(of: process), used > limit else { return }
        memoryCheck = nil
        mustDie("it outgrew its memory: \(used >> 20) MiB private, and \(limit >> 20) MiB are allowed (memory =)")
    }

    // MARK: what the worker prints

    func readLines(_ descriptor: Int32, mostBytes: Int) {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        var total = 0
        while total < mostBytes {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            total += count
            for line in lines.add(buffer[..<count], at: now) { Log.info("driver prints", ["provider": host.name, "line": line]) }
        }
        let suppressed = lines.takeSuppressed()
        if suppressed > 0 { Log.warning("driver prints too much", ["provider": host.name, "suppressed": "\(suppressed)"]) }
    }
}
