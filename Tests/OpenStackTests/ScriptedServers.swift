import Foundation
import JSON
import Synchronization

/// Servers of a stand-in Nova: they change when acted on, a step each time that they are shown.
final class ScriptedServers: Sendable {
    struct Step: Sendable {
        var status: String
        var task: String?
        var fault: JSON?

        init(_ status: String, _ task: String? = nil, fault: JSON? = nil) {
            self.status = status
            self.task = task
            self.fault = fault
        }
    }

    private struct Server {
        var id: String
        var name: String
        var metadata: JSON
        var memory = 64
        var now: Step
        /// What comes, one at each look.
        var coming: [Step]

        var json: JSON {
            var json: JSON = [
                "id": .string(id), "name": .string(name), "status": .string(now.status), "metadata": metadata,
                "created": "2026-11-25T10:00:00Z", "addresses": [:], "image": ["id": "35dbf3d1-bf56-46d8-8b68-a6a2f6388b3d"],
                "flavor": ["original_name": "m1.nano", "vcpus": 1, "ram": JSON(memory), "disk": 1], "OS-EXT-STS:task_state": nil,
            ]
            if let task = now.task { json["OS-EXT-STS:task_state"] = .string(task) }
            if let fault = now.fault { json["fault"] = fault }
            return json
        }
    }

    private let servers: Mutex<[Server]>
    /// What a new server goes through.
    private let birth: [Step]
    /// What an action leads to, where a test wants something else than success.
    private let outcomes: [String: [Step]]

    private static let success: [String: [Step]] = [
        "os-stop": [Step("ACTIVE", "powering-off"), Step("SHUTOFF")], "os-start": [Step("SHUTOFF", "powering-on"), Step("ACTIVE")],
        "pause": [Step("ACTIVE", "pausing"), Step("PAUSED")], "unpause": [Step("PAUSED", "unpausing"), Step("ACTIVE")],
        "suspend": [Step("ACTIVE", "suspending"), Step("SUSPENDED")], "resume": [Step("SUSPENDED", "resuming"), Step("ACTIVE")],
        "reboot": [Step("REBOOT", "rebooting"), Step("ACTIVE")],
        "resize": [Step("ACTIVE", "resize_prep"), Step("RESIZE", "resize_migrating"), Step("VERIFY_RESIZE")],
        "confirmResize": [Step("VERIFY_RESIZE", "deleting"), Step("ACTIVE")],
        "createImage": [Step("ACTIVE", "image_snapshot"), Step("ACTIVE")], "rebuild": [Step("REBUILD", "rebuilding"), Step("ACTIVE")],
        "delete": [Step("ACTIVE", "deleting"), Step("DELETED")],
    ]

    init(_ ids: [String] = [], birth: [Step] = [Step("BUILD", "spawning"), Step("ACTIVE")], outcomes: [String: [Step]] = [:]) {
        servers = Mutex(ids.map { Server(id: $0, name: $0, metadata: [:], now: Step("ACTIVE"), coming: []) })
        self.birth = birth
        self.outcomes = outcomes
    }

    /// For `RecordedCloud`: what concerns servers; nil for everything else.
    @Sendable func reply(_ request: StandIn.Request, _ before: Int) -> StandIn.Reply? {
        let path = request.path.prefix { $0 != "?" }
        guard path.hasPrefix("/v2.1/servers") else { return nil }
        let parts = path.split(separator: "/").dropFirst().map(String.init)
        switch (request.method, parts.count) {
        case ("GET", 2) where parts[1] == "detail": return list(request.path)
        case ("GET", 2): return shown(parts[1]).map { .answer(200, body: (["server": $0] as JSON).text) } ?? Self.missing
        case ("POST", 1): return made(request.body)
        case ("POST", 3) where parts[2] == "action": return act(parts[1], (try? JSON(parsing: request.body)) ?? [:])
        case ("DELETE", 2): return goes(parts[1])
        default: return nil
        }
    }

    private static let missing = StandIn.Reply.answer(404, body: "{\"itemNotFound\":{\"message\":\"Instance could not be found.\"}}")

    private func list(_ path: String) -> StandIn.Reply {
        let query = URLComponents(string: path)?.queryItems ?? []
        let name = query.first { $0.name == "name" }?.value
        let withDeleted = query.contains { $0.name == "changes-since" }
        let found = servers.withLock { servers in
            servers.indices.compactMap { index -> JSON? in
                if let name, !servers[index].name.contains(name) { return nil }
                Self.step(&servers[index])
                return servers[index].now.status == "DELETED" && !withDeleted ? Optional.none : servers[index].json
            }
        }
        return .answer(200, body: (["servers": .array(found)] as JSON).text)
    }

    private static func step(_ server: inout Server) {
        if !server.coming.isEmpty { server.now = server.coming.removeFirst() }
    }

    private func shown(_ id: String) -> JSON? {
        servers.withLock { servers in
            guard let index = servers.firstIndex(where: { $0.id == id }) else { return nil }
            Self.step(&servers[index])
            // Not `nil`, which would be JSON's.
            return servers[index].now.status == "DELETED" ? Optional.none : servers[index].json
        }
    }

    private func made(_ body: String) -> StandIn.Reply {
        let wanted = (try? JSON(parsing: body))?["server"] ?? [:]
        let id = UUID().uuidString.lowercased()
        servers.withLock { servers in
            servers.append(
                Server(
                    id: id, name: wanted["name"]?.string ?? "", metadata: wanted["metadata"] ?? [:], now: birth[0],
                    coming: Array(birth.dropFirst())))
        }
        return .answer(202, body: "{\"server\":{\"id\":\"\(id)\"}}")
    }

    private func act(_ id: String, _ body: JSON) -> StandIn.Reply {
        let verb = body.object?.names.first ?? ""
        guard let steps = outcomes[verb] ?? Self.success[verb] else { return .answer(400, body: "{}") }
        return servers.withLock { servers in
            guard let index = servers.firstIndex(where: { $0.id == id }) else { return Self.missing }
            servers[index].now = steps[0]
            servers[index].coming = Array(steps.dropFirst())
            return .answer(202, body: verb == "createImage" ? "{\"image_id\":\"99999999-0000-4000-8000-000000000000\"}" : "")
        }
    }

    private func goes(_ id: String) -> StandIn.Reply {
        let steps = outcomes["delete"] ?? Self.success["delete"] ?? []
        return servers.withLock { servers in
            guard let index = servers.firstIndex(where: { $0.id == id && $0.now.status != "DELETED" }) else { return Self.missing }
            servers[index].now = steps[0]
            servers[index].coming = Array(steps.dropFirst())
            return .answer(204)
        }
    }

    /// Those that are there.
    var alive: [String] { servers.withLock { $0.filter { $0.now.status != "DELETED" }.map { $0.id } } }
}
