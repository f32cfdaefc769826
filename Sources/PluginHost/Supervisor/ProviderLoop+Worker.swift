import CShim
import Glibc
import JSON
import Model
import Platform
import Synchronization

extension ProviderLoop {
    /// Starts a worker with what is configured now, secrets read anew, and tells it what to load.
    func spawn() {
        let plan = host.state.withLock { $0.plan }
        if let obstacle = plan.obstacle { return tell(obstacle) }
        guard let inspection = plan.plugin, let abi = plan.abi else { return }
        do throws(BerthError) {
            let order = WorkerOrder(
                provider: host.name, inspection: inspection, abi: abi, section: try plan.provider.withSecretsRead(),
                lock: host.surroundings.lock(host.name), hostVersion: host.surroundings.hostVersion)
            let worker = try makeWorker(plan.provider, order)
            begin(with: worker, order)
        } catch {
            // A secret that cannot be read is a fault of the configuration; the rest may pass.
            tell(error.code == .retry ? .notStarted(error.description) : .unconfigure(error.description))
        }
    }

    private func makeWorker(_ section: ProviderSection, _ order: WorkerOrder) throws(BerthError) -> any RunningWorker {
        switch section.isolation {
        case .process:
            var environment: [(name: String, value: String)] = []
            for setting in section.environment { environment.append((setting.name, try setting.value.resolve())) }
            // The runtime of the host would print a trace of a driver's crash for a second before it lets the process die.
            if !environment.contains(where: { $0.name == "SWIFT_BACKTRACE" }) { environment.append(("SWIFT_BACKTRACE", "enable=no")) }
            return try SpawnedWorker(host.surroundings.workerProgram, provider: host.name, environment: environment)
        case .thread:
            Log.warning(
                "a driver runs in the host itself: its crash is the host's, and a hang cannot be killed",
                ["provider": host.name, "setting": "isolation = thread"])
            return try ThreadWorker(host.name, place: place)
        }
    }

    private func begin(with worker: any RunningWorker, _ order: WorkerOrder) {
        self.worker = worker
        spawned += 1
        stream = FrameStream()
        lines = LineCollector()
        killReason = nil
        overrun = nil
        isHungUp = false
        stopDeadline = nil
        quiescedSince = nil
        hangUpDeadline = nil
        memoryCheck = worker.process != nil && order.section.memory != nil ? now + 100 : nil
        Log.info("worker starts", ["provider": host.name, "pid": worker.process.map { "\($0)" } ?? "-", "plugin": order.section.plugin])
        host.state.withLock { state in
            state.channel = worker.channel
            state.outgoing = []
            state.limit = 1
        }
        // The lock of a worker that is on its way out may take its time, and so may a driver's libraries.
        ask("worker.start", body: order.json.bytes, deadline: now + host.surroundings.loading) {
            [unowned self] outcome in
            loaded(outcome, order.section)
        }
    }

    /// A call of the host's own that goes around the queue, while no other may run.
    private func ask(_ verb: String, body: [UInt8] = [], deadline: Int64, then: @escaping (CallOutcome) -> Void) {
        host.state.withLock { state in
            let id = state.takeID()
            handlers[id] = then
            state.calls.takeOff(CallTable.Waiting(id: id, call: DriverCall(verb, deadline: deadline), completion: { _ in }), at: now)
            var header = WorkerHeader(verb, id)
            header.options = [.init(name: "deadline", value: "\(deadline)")]
            state.send(WorkerFrame(header: header, body: body))
        }
    }

    private func loaded(_ outcome: CallOutcome, _ section: ProviderSection) {
        if let error = outcome.error { return tell(.notLoaded(error)) }
        let said = (try? JSON(parsing: outcome.document)) ?? .null
        let capabilities = said["capabilities"]?.array?.compactMap(\.string) ?? []
        calls = Set(said["calls"]?.array?.compactMap(\.string) ?? [])
        let isReentrant = capabilities.contains("reentrant")
        if section.threads > 1, !isReentrant {
            Log.warning(
                "the driver takes one call at a time: it is not reentrant",
                ["provider": host.name, "setting": "threads = \(section.threads)"])
        }
        host.state.withLock { state in
            state.limit = isReentrant ? section.threads : 1
            state.status.capabilities = capabilities
            state.status.identity = DriverLibrary.Identity(said)
        }
        tell(.loaded)
    }

    func askOpen() {
        let deadline = host.state.withLock { $0.plan.provider.deadline(for: "open") }
        ask("worker.open", deadline: now + deadline) { [unowned self] outcome in
            tell(outcome.status == .ok ? .opened : .notOpened(outcome.status, outcome.words))
        }
    }

    /// Health is a call like any other, since a driver may take one at a time; it only does not wait.
    func askHealth() {
        guard calls.contains("health") else { return tell(.healthy) }
        host.state.withLock { state in
            let id = state.takeID()
            let deadline = now + state.plan.provider.deadline(for: "health")
            handlers[id] = { [unowned self] outcome in judge(outcome) }
            let waiting = CallTable.Waiting(id: id, call: DriverCall("health", deadline: deadline), completion: { _ in })
            guard state.machine.isOpen else {
                // The first one: nothing else may run yet.
                state.calls.takeOff(waiting, at: now)
                var header = WorkerHeader("call.health", id)
                header.options = [.init(name: "deadline", value: "\(deadline)"), .init(name: "values", value: "")]
                return state.send(WorkerFrame(header: header))
            }
            state.calls.addFirst(waiting)
            _ = state.sendMore(at: now)
        }
    }

    private func judge(_ outcome: CallOutcome) {
        tell(outcome.status == .ok ? .healthy : .unhealthy(outcome.status, outcome.words))
    }

    // MARK: what it says

    func readFrames(_ channel: Int32) {
        // A bounded part, so that clocks are looked at in between.
        for _ in 0..<64 {
            switch stream.fill(from: channel, flags: Int32(MSG_DONTWAIT)) {
            case .some: break
            case .wouldBlock: return
            case .end, .failed:
                isHungUp = true
                hangUpDeadline = now + 1_000
                return
            }
            do throws(WorkerProtocolError) {
                while let frame = try stream.next() { take(frame) }
            } catch {
                isHungUp = true
                return mustDie("it speaks nonsense: \(error)")
            }
            if !stream.isFilledUp { return }
        }
    }

    private func take(_ frame: WorkerFrame) {
        switch frame.header.verb {
        case "piece": addPiece(frame)
        case "progress":
            let progress = host.state.withLock { $0.calls.flights[frame.header.id]?.call.progress }
            progress?(frame.header["fraction"].flatMap(Double.init) ?? 0, String(decoding: frame.body, as: UTF8.self))
        case "event": takeEvent(frame)
        case "log": log(frame)
        default: answer(frame)
        }
    }

    private func addPiece(_ frame: WorkerFrame) {
        let size = host.state.withLock { state in
            state.calls.update(frame.header.id) { $0.document += frame.body }
            return state.calls.flights[frame.header.id]?.document.count ?? 0
        }
        if size > WorkerFrame.largestBody { mustDie("a result document has more than 64 MiB") }
    }

    private func answer(_ frame: WorkerFrame) {
        let now = now
        let (flight, isIdle) = host.state.withLock { state in
            let flight = state.calls.land(frame.header.id)
            _ = state.sendMore(at: now)
            return (flight, state.calls.flights.isEmpty)
        }
        guard var flight else { return }
        let outcome: CallOutcome
        do throws(WorkerProtocolError) {
            outcome = try CallOutcome(frame, pieces: &flight.document)
        } catch {
            deliver(CallOutcome(.broken, message: "the worker's answer is not understood: \(error)"), to: flight)
            return mustDie("it speaks nonsense: \(error)")
        }
        deliver(outcome, to: flight)
        if quiescedSince != nil, isIdle { tell(.idle) }
    }

    private func deliver(_ outcome: CallOutcome, to flight: CallTable.Flight) {
        if let handler = handlers.removeValue(forKey: flight.id) { return handler(outcome) }
        flight.waiting.completion(outcome)
        if flight.call.name == "health", outcome.status != .cancelled { return judge(outcome) }
        switch outcome.status {
        case .ok: tell(.calledWell)
        case .unreachable: tell(.doubted)
        default: break
        }
    }

    private func takeEvent(_ frame: WorkerFrame) {
        guard let kind = frame.header["kind"].flatMap({ Int32($0) }).flatMap(DriverEvent.Kind.init),
            let time = frame.header["time"].flatMap({ Int64($0) }),
            let (values, _) = try? CallArgument.decode(frame.header["values"] ?? "", frame.body), values.count == 2,
            case .string(let subject) = values[0], case .bytes(let data) = values[1]
        else { return mustDie("it speaks nonsense: an event that is none") }
        host.listener.event(DriverEvent(kind: kind, time: time == 0 ? Clock.real : time, subject: subject, data: data))
        if kind == .health { tell(.doubted) }
    }

    private func log(_ frame: WorkerFrame) {
        let text = String(decoding: frame.body, as: UTF8.self)
        let level = frame.header["level"].flatMap { Int32($0) } ?? 6
        let known: Log.Level = level <= 3 ? .error : level == 4 ? .warning : level <= 6 ? .info : .debug
        Log.write(known, text, ["provider": host.name])
        _ = lines.add(text.utf8 + [UInt8(ascii: "\n")], at: now)
    }

    // MARK: its end

    /// The worker is gone: what it said before is taken, everything that was in flight is answered, nothing is left open.
    func bury(_ worker: any RunningWorker) {
        if !isHungUp { readFrames(worker.channel) }
        for output in worker.outputs { readLines(output, mostBytes: 1 << 20) }
        for line in lines.finish(at: now) { Log.info("driver prints", ["provider": host.name, "line": line]) }
        self.worker = nil
        // No call writes to the socket from here on, and none is sent before the next worker.
        host.state.withLock { state in
            state.channel = nil
            state.outgoing = []
        }
        let death = worker.reap(killed: killReason)
        stopDeadline = nil
        quiescedSince = nil
        memoryCheck = nil
        hangUpDeadline = nil
        let (flights, wasAsked) = host.state.withLock { ($0.calls.landAll(), $0.machine.isEndExpected) }
        let names = flights.map(\.call.name)
        if !wasAsked || killReason != nil { report(death, names) }
        // The machine first: whoever is answered may call again, and must find it as it is now.
        tell(.exited(names.isEmpty ? death.description : "\(death.description) during \(names.joined(separator: ", "))"))
        for flight in flights { answer(flight, with: death) }
    }

    private func report(_ death: WorkerDeath, _ names: [String]) {
        let last = lines.last
        Log.warning(
            "worker died",
            ["provider": host.name, "how": death.description, "calls": names.joined(separator: ","), "last": last.last ?? ""])
        host.state.withLock { state in
            state.status.death = death.description
            state.status.callsAtDeath = names
            state.status.lastLines = last
        }
    }

    private func answer(_ flight: CallTable.Flight, with death: WorkerDeath) {
        guard handlers.removeValue(forKey: flight.id) == nil else { return }
        let isOverrun = flight.id == overrun
        var outcome = CallOutcome(
            isOverrun ? .deadline : .broken, message: "the worker of provider \(host.name) died under the call: \(death.description)")
        outcome.death = death.description
        outcome.isOutsideDeath = death.isOutside
        flight.waiting.completion(outcome)
    }
}

extension CallOutcome {
    /// What the last frame of a call says, with the pieces of the document that came before it.
    init(_ frame: WorkerFrame, pieces: inout [UInt8]) throws(WorkerProtocolError) {
        self.init(.ok)
        nanoseconds = frame.header["ns"].flatMap { Int64($0) } ?? 0
        guard frame.header.verb == "ok" else {
            guard let status = CallStatus(code: BerthError.Code(rawValue: frame.header.verb)) else {
                throw WorkerProtocolError(description: "a status that is none: \(frame.header.verb.prefix(20))")
            }
            self.status = status
            let body = (try? JSON(parsing: frame.body)) ?? .null
            let hint = body["hint"]?.string
            message = [body["message"]?.string, body["cause"]?.string, hint].compactMap { $0 }.joined(separator: ": ")
            native = body["native"]?.string
            return
        }
        guard let list = frame.header["values"] else {
            document = pieces.isEmpty ? frame.body : pieces + frame.body
            return
        }
        let (values, rest) = try CallArgument.decode(list, frame.body)
        if let first = values.first, first != .void { value = first }
        outputs = Array(values.dropFirst())
        document = pieces + frame.body[rest...]
    }

    /// The failure in words.
    var words: String {
        let words = [message, native].compactMap { $0 }.filter { !$0.isEmpty }
        return words.isEmpty ? "the driver answers '\(status)' and gives no reason" : words.joined(separator: ": ")
    }
}

extension CallStatus {
    init?(code: BerthError.Code) {
        guard let status = CallStatus.allCases.first(where: { $0.code == code }) else { return nil }
        self = status
    }
}

extension DriverLibrary.Identity {
    init(_ json: JSON) {
        self.init()
        id = json["id"]?.string ?? ""
        name = json["name"]?.string ?? ""
        version = json["version"]?.string ?? ""
        vendor = json["vendor"]?.string ?? ""
        license = json["license"]?.string ?? ""
        url = json["url"]?.string ?? ""
    }
}

extension ProviderSection {
    /// The same section with every secret in place of its reference: for a worker alone, never kept.
    func withSecretsRead() throws(BerthError) -> ProviderSection {
        var section = self
        for index in section.settings.indices {
            let setting = section.settings[index]
            if setting.value.isSecret { section.settings[index].value = .secret(try setting.value.resolve()) }
        }
        return section
    }
}
