import Frames
import JSON
import Model
import Platform

extension Broker {
    /// A client's request.
    func requested(by account: Account, _ line: RequestHeader, _ isREQ: Bool) {
        let asker = Asker.client(routing: identity.array, isREQ: isREQ)
        var account = account
        if let other = line.actingFor {
            guard account.role == .operator else {
                let error = BerthError(.denied, "only an operator may act for another account", field: "as")
                return refuse(asker, line.id, error, verbs[line.verb])
            }
            account = Account(owner: other, role: .client)
        }
        dispatch(asker, line, account, body.array)
    }

    /// A component's request.
    func requested(by instance: Instance, _ ticket: UInt64, _ outgoing: Outgoing) {
        var line = RequestHeader(verb: outgoing.verb, id: "\(ticket)", deadline: outgoing.deadline, key: outgoing.key)
        line.traceparent = outgoing.traceparent
        line.wantsProgress = outgoing.wantsProgress
        dispatch(.component(instance, ticket), line, outgoing.account, outgoing.body)
    }

    private func dispatch(_ asker: Asker, _ line: RequestHeader, _ account: Account, _ body: [UInt8]) {
        let now = Clock.monotonic
        if line.verb.hasPrefix("host."), verbs[line.verb] == nil { return answerHost(asker, line, account, body) }
        guard let entry = verbs[line.verb], entry.verb.isKnown(to: account.role) else {
            return refuse(asker, line.id, BerthError(.unsupported, "there is no verb \(line.verb)", hint: nearestVerb(line.verb)), nil)
        }
        entry.requests += 1
        if entry.verb.access == .operators, account.role == .client {
            return refuse(asker, line.id, BerthError(.denied, "\(line.verb) is for operators"), entry)
        }
        if isDraining { return refuse(asker, line.id, BerthError(.retry, "the host is stopping"), entry) }
        if line.deadline == 0 { return refuse(asker, line.id, BerthError(.deadline, "the deadline was over on arrival"), entry) }
        let waiter = Waiter(
            number: next(), asker: asker, id: line.id, deadline: line.deadline.map { now + Int64($0) }, wantsProgress: line.wantsProgress)
        var name: KeyTable.Name?
        var digest: [UInt8] = []
        if let key = line.key {
            let full = KeyTable.Name(owner: account.owner, verb: line.verb, key: key)
            digest = KeyTable.digest(body)
            joinable.forget(now)
            if let known = joinable[full] { return join(known, digest, waiter, entry) }
            name = full
        }
        begin(entry, waiter, line, account, body, name, digest, now)
    }

    private func begin(
        _ entry: VerbEntry, _ waiter: Waiter, _ line: RequestHeader, _ account: Account, _ body: [UInt8], _ key: KeyTable.Name?,
        _ digest: [UInt8], _ now: Int64
    ) {
        guard let instance = entry.pick() else {
            let error = BerthError(
                .retry, "no component answers \(line.verb) now", hint: "it is being started again, or needs berth serve --only")
            return refuse(waiter.asker, line.id, error, entry)
        }
        guard instance.inFlight < instance.limit, mayAsk(waiter.asker, instance) else {
            let error = BerthError(.busy, "the queue of \(instance.name) is full", hint: "ask again in a moment")
            return refuse(waiter.asker, line.id, error, entry)
        }
        let number = next()
        var request: Request?
        if case .local = instance.link {
            request = Request(header: line, body: body, account: account, deadline: waiter.deadline, number: number, sink: sink)
        }
        let flight = Flight(
            number: number, verb: entry, account: account, instance: instance, request: request, waiter: waiter, key: key, started: now)
        flights[number] = flight
        instance.inFlight += 1
        if let key { joinable.begin(key, digest: digest, flight: number) }
        enter(waiter, flight)
        if let request {
            deliver(.request(request), to: instance)
        } else {
            forward(flight, line, body)
        }
    }

    /// One client gets at most a quarter of a component's queue, so that the others always find room.
    private func mayAsk(_ asker: Asker, _ instance: Instance) -> Bool {
        guard case .client(let routing, _) = asker, let state = clientStates[routing] else { return true }
        return state.flights.count < max(16, instance.limit / 4)
    }

    private func join(_ known: KeyTable.Entry, _ digest: [UInt8], _ waiter: Waiter, _ entry: VerbEntry) {
        guard known.digest == digest else {
            let error = BerthError(.conflict, "this key was used with another body", field: "key")
            return refuse(waiter.asker, waiter.id, error, entry)
        }
        switch known.state {
        case .remembered(let answer, _): send(answer, to: waiter)
        case .inFlight(let number):
            guard let flight = flights[number] else { return }
            var waiter = waiter
            waiter.hasJoined = true
            flight.waiters.append(waiter)
            enter(waiter, flight)
        }
    }

    private func enter(_ waiter: Waiter, _ flight: Flight) {
        if case .client(let routing, _) = waiter.asker { state(of: routing).flights.insert(flight.number) }
        if let deadline = waiter.deadline { deadlines.insert(deadline, Due(flight: flight.number, waiter: waiter.number)) }
    }

    private func leave(_ waiter: Waiter, _ flight: Flight) {
        guard case .client(let routing, _) = waiter.asker, let state = clientStates[routing] else { return }
        let staysOn = flight.waiters.contains { other in
            if case .client(routing, _) = other.asker { other.number != waiter.number } else { false }
        }
        guard !staysOn || flights[flight.number] == nil else { return }
        state.flights.remove(flight.number)
        release(routing, state)
    }

    // MARK: - Answers

    /// A component's progress or answer.
    func answered(_ reply: Reply) {
        guard let flight = flights[reply.number] else { return }
        if reply.answer.status == .progress {
            for waiter in flight.waiters where waiter.wantsProgress { send(reply.answer, to: waiter) }
            return
        }
        end(flight, reply.answer)
    }

    /// The flight is over: everyone who waits gets the answer.
    func end(_ flight: Flight, _ answer: Answer) {
        flights[flight.number] = nil
        flight.instance.inFlight -= 1
        let now = Clock.monotonic
        if let key = flight.key { joinable.end(key, answer, remember: !flight.verb.verb.keepsKeys, now: now) }
        if !answer.isOK { flight.verb.failures += 1 }
        counters.count(milliseconds: now - flight.started)
        for waiter in flight.waiters {
            leave(waiter, flight)
            // The first asker's deadline, or that it took its request back, is not for those who joined.
            let isAnothers = waiter.hasJoined && [Status(.deadline), Status(.cancelled)].contains(answer.status)
            send(isAnothers ? Answer(BerthError(.retry, "the request that this one joined was given up")) : answer, to: waiter)
        }
        flight.waiters = []
    }

    func send(_ answer: Answer, to waiter: Waiter) { send(answer, to: waiter.asker, waiter.id) }

    func send(_ answer: Answer, to asker: Asker, _ id: String) {
        switch asker {
        case .client(let routing, let isREQ): reply(to: routing, isREQ, ReplyHeader(status: answer.status, id: id), answer.bytes)
        case .component(let instance, let ticket): bring(answer, ticket, to: instance)
        }
    }

    private func bring(_ answer: Answer, _ ticket: UInt64, to instance: Instance) {
        switch instance.link {
        case .local:
            deliver(answer.status == .progress ? .progress(ticket: ticket, answer.bytes) : .answer(ticket: ticket, answer), to: instance)
        case .remote(let routing):
            sendBackend(routing, ReplyHeader(status: answer.status, id: "\(ticket)").bytes, answer.bytes)
        }
    }

    func refuse(_ asker: Asker, _ id: String, _ error: BerthError, _ entry: VerbEntry?) {
        entry?.failures += 1
        counters.refused += 1
        send(Answer(error), to: asker, id)
    }

    // MARK: - Deadlines and cancellation

    func expire(_ due: Due) {
        guard let flight = flights[due.flight], let index = flight.waiters.firstIndex(where: { $0.number == due.waiter }) else { return }
        let waiter = flight.waiters.remove(at: index)
        leave(waiter, flight)
        counters.late += 1
        send(Answer(BerthError(.deadline, "\(flight.verb.verb.name) was not answered in time")), to: waiter)
        if flight.waiters.isEmpty { takeBack(flight) }
    }

    /// Nobody waits any more: the component may stop working on it. Its key stays in flight until it does: the same request
    /// never runs twice at once.
    func takeBack(_ flight: Flight) {
        if let request = flight.request {
            request.cancel()
        } else if case .remote(let routing) = flight.instance.link {
            sendBackend(routing, Array("BERTH/1 backend.cancel \(flight.number)".utf8), [])
        }
    }

    /// `host.cancel`: the component hears of it and answers, `cancelled` if it had not begun. True: there is such a request.
    func cancel(routing: [UInt8], id: String) -> Bool {
        guard let state = clientStates[routing] else { return false }
        var found = false
        for number in state.flights {
            guard let flight = flights[number] else { continue }
            for (index, waiter) in flight.waiters.enumerated().reversed() where waiter.id == id {
                guard case .client(routing, _) = waiter.asker else { continue }
                found = true
                cancel(flight, index)
            }
        }
        return found
    }

    func cancel(_ instance: Instance, _ ticket: UInt64) {
        for flight in flights.values {
            for (index, waiter) in flight.waiters.enumerated().reversed() {
                guard case .component(let asker, ticket) = waiter.asker, asker === instance else { continue }
                return cancel(flight, index)
            }
        }
    }

    private func cancel(_ flight: Flight, _ index: Int) {
        guard flight.waiters.count > 1 else { return takeBack(flight) }
        let waiter = flight.waiters.remove(at: index)
        leave(waiter, flight)
        send(Answer(BerthError(.cancelled, "taken back; others still wait for it")), to: waiter)
    }

    /// The instance is gone: whoever waited for it may ask again.
    func abandon(_ instance: Instance, _ error: BerthError) {
        for flight in flights.values where flight.instance === instance {
            _ = flight.request?.claim()
            end(flight, Answer(error))
        }
    }

    private func nearestVerb(_ verb: String) -> String? {
        let noun = verb.prefix { $0 != "." }
        let same = verbs.keys.filter { $0.hasPrefix("\(noun).") && verbs[$0]?.verb.access != .components }.sorted()
        return same.isEmpty ? nil : "there are \(same.joined(separator: ", "))"
    }
}
