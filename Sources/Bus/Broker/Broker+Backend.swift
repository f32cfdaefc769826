import CZMQ
import Frames
import Glibc
import JSON
import Model
import Platform

/// Components in processes of their own. They speak the same two frames; docs/protocol.md has the verbs `backend.*`.
extension Broker {
    /// A component that was not heard of for so long is dead.
    static let silence: Int64 = 5000

    func drainBackend() {
        for _ in 0..<Broker.turn {
            guard backend.receive(identity) else {
                backendMayRead = false
                return
            }
            guard backend.hasMore(identity), backend.receive(header) else { continue }
            guard accounts.find(identity.user, keys) != nil, backend.hasMore(header), backend.receive(body), !backend.hasMore(body) else {
                backend.skipRest(after: header)
                continue
            }
            fromBackend(identity.array)
        }
    }

    private func fromBackend(_ routing: [UInt8]) {
        let instance = remotes[routing]
        instance?.heard = Clock.monotonic
        // Verbs have dots and statuses have none: so a line says whether it asks or answers.
        if let scan = try? HeaderScan(header.bytes, from: .component) {
            return asked(routing, instance, RequestHeader(scan, of: header.bytes), scan)
        }
        guard let instance, let line = try? ReplyHeader(parsing: header.array), let number = UInt64(line.id), let flight = flights[number],
            flight.instance === instance
        else { return counters.malformed += 1 }
        answered(Reply(number: number, answer: Answer(status: line.status, bytes: body.array)))
    }

    private func asked(_ routing: [UInt8], _ instance: Instance?, _ line: RequestHeader, _ scan: HeaderScan) {
        if line.verb == "backend.ready" { return ready(routing, line) }
        guard let instance else {
            // It was given up, or this is another broker than the one it knew: it has to say again who it is.
            return sendBackend(routing, Array("BERTH/1 backend.unknown 0".utf8), [])
        }
        let bytes = body.array
        switch line.verb {
        case "backend.alive": break
        case "backend.bye": drop(routing, instance, "it ended")
        case "backend.subscribe": instance.prefixes.insert((try? JSON(parsing: bytes))?["prefix"]?.string ?? "")
        case "backend.cancel":
            if let ticket = UInt64(line.id) { cancel(instance, ticket) }
        case "backend.publish", "backend.notify":
            guard let notice = BackendNotice.parse(bytes) else { return counters.malformed += 1 }
            if line.verb == "backend.notify" { notify(notice) } else { publish(notice.topic, notice.bytes, owner: notice.owner) }
        default:
            guard let ticket = UInt64(line.id) else { return counters.malformed += 1 }
            var outgoing = Outgoing(
                verb: line.verb, body: bytes, deadline: line.deadline, key: line.key, traceparent: line.traceparent,
                account: Account(owner: "component:\(instance.name)", role: .component), wantsProgress: line.wantsProgress)
            if let owner = scan.owner?.string(in: header.bytes) {
                let role = scan.role.flatMap { Account.Role(rawValue: $0.string(in: header.bytes)) } ?? .client
                outgoing.account = Account(owner: owner, role: role)
            }
            requested(by: instance, ticket, outgoing)
        }
    }

    /// A component says who it is and which verbs it answers; its token must be for that name.
    private func ready(_ routing: [UInt8], _ line: RequestHeader) {
        let user = identity.user.map { Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1)) }
        do throws(BerthError) {
            let wish = try Broker.object(body.array, line.verb)
            guard let token = wish["token"]?.string, let name = keys.directory?.component(of: token) else {
                throw BerthError(.denied, "this token opens nothing", hint: "berth keys token NAME prints the one for a component")
            }
            let instance = Instance(name: name, limit: wish["queue"]?.int ?? 16_384, link: .remote(routing: routing))
            let offered = (wish["verbs"]?.array ?? []).compactMap(Verb.init(json:))
            for verb in offered { try mayOffer(verb, name) }
            if let old = remotes[routing] { drop(routing, old, "it came again") }
            instance.user = user
            instance.heard = Clock.monotonic
            instance.verbs = offered.map(\.name)
            remotes[routing] = instance
            for verb in offered {
                let entry = verbs[verb.name] ?? VerbEntry(verb)
                entry.instances.append(instance)
                verbs[verb.name] = entry
            }
            Log.info("component joined", ["component": name, "verbs": "\(offered.count)"])
            sendBackend(routing, ReplyHeader(status: .ok, id: line.id).bytes, JSON(dictionaryLiteral: ("component", .string(name))).bytes)
        } catch {
            Log.warning("a component was refused", ["reason": error.description])
            sendBackend(routing, ReplyHeader(status: Status(error.code), id: line.id).bytes, Answer(error).bytes)
        }
    }

    /// A component may answer the verbs that it is known for, others only if they bear its name; what is single stays where it is.
    private func mayOffer(_ verb: Verb, _ name: String) throws(BerthError) {
        if let known = settings.known.first(where: { $0.name == name }) {
            guard !known.isSingle else { throw BerthError(.denied, "\(name) lives in the host's process alone") }
            guard known.verbs.contains(verb) else { throw BerthError(.denied, "\(verb.name) is no verb of \(name)") }
            return
        }
        guard verb.name.hasPrefix("\(name)."),
            verbs[verb.name].map({ $0.verb == verb && $0.instances.allSatisfy { $0.name == name } }) ?? true,
            !["host", "backend"].contains(name)
        else { throw BerthError(.denied, "\(name) may only offer verbs that start with '\(name).'") }
    }

    /// Sends a request on to its component, under our number.
    func forward(_ flight: Flight, _ line: RequestHeader, _ bytes: [UInt8]) {
        guard case .remote(let routing) = flight.instance.link else { return }
        var line = line
        line.id = "\(flight.number)"
        line.actingFor = nil
        let text = line.bytes + Array(" owner=\(flight.account.owner) role=\(flight.account.role.rawValue)".utf8)
        sendBackend(routing, text, bytes)
    }

    func sendBackend(_ routing: [UInt8], _ line: [UInt8], _ bytes: [UInt8]) {
        backendMayRead = true
        identity.fill(routing)
        guard backend.send(identity, more: true) == 0 else {
            lostRouting.insert(routing)
            return
        }
        extra.fill(line)
        _ = backend.send(extra, more: true)
        body.fill(bytes)
        _ = backend.send(body, more: false)
    }

    /// Heartbeats to all components; a killed one is noticed because nothing can be sent to it any more.
    func beat(_ now: Int64) {
        guard !remotes.isEmpty else { return }
        for routing in remotes.keys { sendBackend(routing, Array("BERTH/1 backend.alive 0".utf8), []) }
        for (routing, instance) in remotes {
            if lostRouting.contains(routing) {
                drop(routing, instance, "its connection is gone")
            } else if now - instance.heard > Broker.silence {
                drop(routing, instance, "it was not heard of for \(Broker.silence) ms")
            }
        }
        lostRouting.removeAll()
    }

    /// The instance is gone: its verbs go to the others, and who waited for it may ask again.
    func drop(_ routing: [UInt8], _ instance: Instance, _ reason: String) {
        remotes[routing] = nil
        for name in instance.verbs { verbs[name]?.instances.removeAll { $0 === instance } }
        Log.warning("component left", ["component": instance.name, "reason": reason, "in_flight": "\(instance.inFlight)"])
        abandon(instance, BerthError(.retry, "\(instance.name) went away before it answered", hint: "ask again with the same key"))
        for flight in flights.values {
            flight.waiters.removeAll {
                if case .component(let asker, _) = $0.asker { asker === instance } else { false }
            }
            if flight.waiters.isEmpty { takeBack(flight) }
        }
    }
}

/// A notice as the body of `backend.notice`, `backend.publish` and `backend.notify`: `{"topic","owner","body"}`.
enum BackendNotice {
    static func bytes(_ notice: Notice) -> [UInt8] {
        var out = Array("{\"topic\":".utf8)
        JSON.write(notice.topic, to: &out)
        if let owner = notice.owner {
            out += Array(",\"owner\":".utf8)
            JSON.write(owner, to: &out)
        }
        return out + Array(",\"body\":".utf8) + (notice.bytes.isEmpty ? Array("null".utf8) : notice.bytes) + [UInt8(ascii: "}")]
    }

    static func parse(_ bytes: [UInt8]) -> Notice? {
        guard let json = try? JSON(parsing: bytes), let topic = json["topic"]?.string, !topic.isEmpty, topic.utf8.count <= 256 else {
            return nil
        }
        return Notice(topic: topic, bytes: json["body"]?.bytes ?? [], owner: json["owner"]?.string)
    }
}

extension Verb {
    /// As it stands in `backend.ready`.
    var json: JSON { ["name": .string(name), "access": .string(access.rawValue), "keeps_keys": .bool(keepsKeys)] }

    init?(json: JSON) {
        guard let name = json["name"]?.string, let access = json["access"]?.string.flatMap(Access.init(rawValue:)) else { return nil }
        self.init(name, access, keepsKeys: json["keeps_keys"]?.bool ?? false)
    }
}
