import Frames
import JSON
import Model
import Platform

/// The verbs that the broker answers itself, in its loop.
extension Broker {
    func answerHost(_ asker: Asker, _ line: RequestHeader, _ account: Account, _ bytes: [UInt8]) {
        let answer: Answer
        do throws(BerthError) {
            answer = Answer(ok: try hostVerb(asker, line.verb, account, try Broker.object(bytes, line.verb)))
        } catch {
            answer = Answer(error)
            counters.refused += 1
        }
        send(answer, to: asker, line.id)
    }

    private func hostVerb(_ asker: Asker, _ verb: String, _ account: Account, _ body: JSON) throws(BerthError) -> JSON {
        switch verb {
        case "host.ping": return body
        case "host.info": return info(for: account)
        case "host.metrics": return try operators(account, verb) { metrics }
        case "host.cancel": return try cancel(asker, body)
        case "host.log-level": return try logLevel(account, body)
        case "host.log": return try operators(account, verb) { ["lines": JSON(Log.recent)] }
        default: throw BerthError(.unsupported, "there is no verb \(verb)", hint: "there are \(Broker.hostVerbs.joined(separator: ", "))")
        }
    }

    static let hostVerbs = ["host.cancel", "host.info", "host.log", "host.log-level", "host.metrics", "host.ping"]

    private func operators(_ account: Account, _ verb: String, _ body: () -> JSON) throws(BerthError) -> JSON {
        guard account.seesAll else { throw BerthError(.denied, "\(verb) is for operators") }
        return body()
    }

    private func cancel(_ asker: Asker, _ body: JSON) throws(BerthError) -> JSON {
        try Broker.onlyFields(body, ["id"])
        guard let id = body["id"]?.string else { throw BerthError(.invalid, "host.cancel wants the id of a request", field: "id") }
        guard case .client(let routing, _) = asker, cancel(routing: routing, id: id) else {
            throw BerthError(.notFound, "no request \(id) of this connection is under way", field: "id")
        }
        return .object(JSON.Object())
    }

    private func logLevel(_ account: Account, _ body: JSON) throws(BerthError) -> JSON {
        guard account.seesAll else { throw BerthError(.denied, "host.log-level is for operators") }
        try Broker.onlyFields(body, ["level"])
        if let wanted = body["level"], !wanted.isNull {
            guard let level = wanted.string.flatMap(Log.Level.init(name:)) else {
                throw BerthError(.invalid, "level is error, warning, info or debug", field: "level")
            }
            Log.info("log level set", ["level": level.description, "by": account.owner])
            Log.level = level
        }
        return ["level": .string(Log.level.description)]
    }

    private func info(for account: Account) -> JSON {
        var info = settings.info
        info["protocol"] = "BERTH/1"
        info["started"] = .string(Instant(milliseconds: startedReal).description)
        info["uptime_s"] = JSON((Clock.monotonic - started) / 1000)
        info["account"] = [
            "owner": .string(account.owner), "role": .string(account.role.rawValue),
            "topics": .string(account.seesAll ? "" : "@\(account.owner)/"),
        ]
        info["endpoints"] = .object(
            JSON.Object(fields: endpoints.map { JSON.Object.Field(name: $0.name, value: JSON($0.endpoints)) }))
        info["components"] = .array(components)
        let shown = verbs.values.filter {
            $0.verb.access == (account.role == .member ? .members : .everyone) || ($0.verb.access == .operators && account.seesAll)
        }
        info["verbs"] = JSON((shown.map(\.verb.name) + Broker.hostVerbs).sorted())
        return info
    }

    private var components: [JSON] {
        let names = Set(instances.map(\.name) + remotes.values.map(\.name) + settings.known.map(\.name)).sorted()
        return names.map { name in
            let here = instances.filter { $0.name == name }
            let away = remotes.values.filter { $0.name == name }
            return [
                "name": .string(name), "state": here.isEmpty && away.isEmpty ? "absent" : "running", "here": JSON(here.count),
                "elsewhere": JSON(away.count), "in_flight": JSON((here + away).reduce(0) { $0 + $1.inFlight }),
            ]
        }
    }

    private var metrics: JSON {
        var metrics = counters.json
        metrics["in_flight"] = JSON(flights.count)
        metrics["clients_waiting"] = JSON(clientStates.count)
        metrics["parked_bytes"] = JSON(parkedBytes)
        metrics["keys_in_memory"] = JSON(joinable.count)
        metrics["uptime_s"] = JSON((Clock.monotonic - started) / 1000)
        metrics["verbs"] = .array(
            verbs.values.filter { $0.requests > 0 }.sorted { $0.verb.name < $1.verb.name }.map {
                ["verb": .string($0.verb.name), "requests": JSON($0.requests), "failures": JSON($0.failures)]
            })
        metrics["components"] = .array(components)
        return metrics
    }

    // MARK: - Bodies

    static func isObject(_ body: borrowing Frame) -> Bool {
        JSON.isFlatObject(body.bytes) || (try? JSON(parsing: body.bytes))?.object != nil
    }

    static func object(_ bytes: [UInt8], _ verb: String) throws(BerthError) -> JSON {
        guard !bytes.isEmpty else { return .object(JSON.Object()) }
        do throws(JSON.ParseError) {
            let body = try JSON(parsing: bytes)
            if body.object != nil { return body }
        } catch {
            throw BerthError(.invalid, "the body of \(verb) is no JSON", cause: error)
        }
        throw BerthError(.invalid, "the body of \(verb) is no JSON object")
    }

    static func onlyFields(_ body: JSON, _ names: [String]) throws(BerthError) {
        guard let other = body.object?.names.first(where: { !names.contains($0) }) else { return }
        throw BerthError(.invalid, "there is no field '\(other)'; known: \(names.joined(separator: ", "))", field: other)
    }
}
