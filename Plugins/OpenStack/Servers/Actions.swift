import DriverHTTP
import JSON
import PluginKit

/// The verbs that act on one server.
struct Actions {
    let cloud: Cloud
    let servers: Servers
    let lookout: Lookout
    let directory: Directory
    let patience: HTTPPatience

    static let attachVolume: Verb = "openstack.attach-volume"
    static let detachVolume: Verb = "openstack.detach-volume"
    static let attachAddress: Verb = "openstack.attach-address"

    func run(_ verb: Verb, on id: String, _ arguments: JSON) throws(DriverError) -> ActionResult {
        switch verb {
        case .start: return try change(id, ["os-start": nil], to: .running)
        case .stop: return try change(id, ["os-stop": nil], to: .stopped)
        case .pause: return try change(id, ["pause": nil], to: .paused)
        case .unpause: return try change(id, ["unpause": nil], to: .running)
        case .suspend: return try change(id, ["suspend": nil], to: .suspended)
        case .resume: return try change(id, ["resume": nil], to: .running)
        case .reboot: return try reboot(id, hard: arguments["force"]?.bool ?? false)
        case .resize: return try resize(id, arguments)
        case .snapshot: return try snapshot(id, arguments)
        case .restore: return try restore(id, arguments)
        case .console: return try console(id, arguments)
        case .destroy:
            try Removal(cloud: cloud, servers: servers, lookout: lookout, patience: patience).run(servers.get(id, patience))
            return .done
        case Self.attachVolume: return try attachVolume(id, arguments)
        case Self.detachVolume: return try detachVolume(id, arguments)
        case Self.attachAddress: return try attachAddress(id, arguments)
        default: throw .unsupported("this driver cannot \(verb)")
        }
    }

    /// Acts and waits for the state. Nova calls a server that is there already a conflict: to us it is done.
    private func change(_ id: String, _ action: JSON, to state: MachineState) throws(DriverError) -> ActionResult {
        let since = cloud.now
        do throws(DriverError) {
            try servers.act(id, action, patience)
        } catch  where error.status == .conflict {
            let server = try servers.get(id, patience)
            guard server.state == state else { throw error }
            return .machine(server.machine())
        }
        return try settled(id, since) { $0.state == state && $0.taskState == nil }
    }

    /// `since`: the cloud's time before the server was acted on.
    private func settled(_ id: String, _ since: Int64, until isDone: (Server) -> Bool) throws(DriverError) -> ActionResult {
        guard let server = try lookout.wait(id, since: since, patience, until: isDone) else {
            throw .deadline("server \(id) did not get there in time")
        }
        guard server.status != "ERROR" || isDone(server) else {
            throw .conflict("server \(id) is in ERROR", native: server.fault?.words)
        }
        return .machine(server.machine())
    }

    private func reboot(_ id: String, hard: Bool) throws(DriverError) -> ActionResult {
        let since = cloud.now
        try servers.act(id, ["reboot": ["type": hard ? "HARD" : "SOFT"]], patience)
        return try settled(id, since) { $0.status == "ACTIVE" && $0.taskState == nil }
    }

    /// Resizes to the nearest flavor and confirms, so that nothing waits for a person.
    private func resize(_ id: String, _ arguments: JSON) throws(DriverError) -> ActionResult {
        let server = try servers.get(id, patience)
        let now = server.json["flavor"].flatMap { Flavor(embedded: $0) }
        var wanted: JSON = ["name": .string(server.name)]
        wanted["cpus"] = arguments["cpus"] ?? now.map { JSON($0.cpus) }
        wanted["memory_mib"] = arguments["memory_mib"] ?? now.map { JSON($0.memoryMiB) }
        wanted["disk_gib"] = arguments["disk_gib"] ?? now.map { JSON($0.diskGiB) }
        let flavor = try directory.flavor(for: Spec(wanted), patience)
        if flavor.name == now?.name { return .machine(server.machine()) }
        var since = cloud.now
        try servers.act(id, ["resize": ["flavorRef": .string(flavor.id)]], patience)
        // Nova sets the task before it answers: a server without one, in its old state, is one that no host could take.
        let resized = try lookout.wait(id, since: since, patience) {
            $0.status == "VERIFY_RESIZE" || $0.status == server.status && $0.taskState == nil
        }
        guard let resized else { throw .deadline("server \(id) did not get there in time") }
        guard resized.status == "VERIFY_RESIZE" else {
            throw .exhausted("no host of the cloud could take the server as \(flavor.description)", native: resized.fault?.words)
        }
        since = cloud.now
        try servers.act(id, ["confirmResize": nil], patience)
        return try settled(id, since) { ["ACTIVE", "SHUTOFF"].contains($0.status) && $0.taskState == nil }
    }

    /// Answers `{"image":ID}`, which `restore` takes.
    private func snapshot(_ id: String, _ arguments: JSON) throws(DriverError) -> ActionResult {
        let name = arguments["name"]?.string ?? "berth-\(id)"
        let since = cloud.now
        let response = try servers.act(id, ["createImage": ["name": .string(name)]], patience)
        // From 2.45 on in the body, before in a header.
        let body = try? response.json()
        let inHeader = response.header("location")?.split(separator: "/").last.map(String.init)
        guard let image = body?["image_id"]?.string ?? inHeader else { throw .broken("Nova does not name the image of the snapshot") }
        _ = try settled(id, since) { $0.taskState == nil }
        return .document(["image": .string(image), "name": .string(name)])
    }

    private func restore(_ id: String, _ arguments: JSON) throws(DriverError) -> ActionResult {
        guard let image = arguments["image"]?.string else { throw .invalid("restore wants {\"image\": …}, as snapshot answered it") }
        let reference = try directory.image(image, patience)
        let since = cloud.now
        try servers.act(id, ["rebuild": ["imageRef": .string(reference)]], patience)
        return try settled(id, since) { ["ACTIVE", "SHUTOFF"].contains($0.status) && $0.taskState == nil }
    }

    /// The address of a console in a browser, or with `{"kind":"log"}` what the server wrote to its serial port.
    private func console(_ id: String, _ arguments: JSON) throws(DriverError) -> ActionResult {
        if arguments["kind"]?.string == "log" {
            let lines = arguments["lines"] ?? 200
            let response = try servers.act(id, ["os-getConsoleOutput": ["length": lines]], patience)
            return .document(["output": (try? response.json()["output"]) ?? ""])
        }
        let type = arguments["type"]?.string ?? "novnc"
        let protocols = ["novnc": "vnc", "spice-html5": "spice", "serial": "serial", "webmks": "mks"]
        guard let spoken = protocols[type] else {
            throw .invalid("console type '\(type)' is none of \(protocols.keys.sorted().joined(separator: ", "))")
        }
        guard Servers.isPlain(id) else { throw .notFound("no server has the id '\(id.prefix(64))'") }
        let response = try cloud.send(
            "POST", .compute, "/servers/\(id)/remote-consoles",
            json: ["remote_console": ["protocol": .string(spoken), "type": .string(type)]], patience)
        guard let url = try? response.json()["remote_console"]?["url"]?.string else {
            throw .broken("Nova names no console", native: response.excerpt)
        }
        return .document(["url": .string(url), "type": .string(type)])
    }

    /// `POST /servers/ID/os-volume_attachments`
    private func attachVolume(_ id: String, _ arguments: JSON) throws(DriverError) -> ActionResult {
        guard let volume = arguments["volume"]?.string else { throw .invalid("\(Self.attachVolume) wants {\"volume\": ID}") }
        let server = try servers.get(id, patience)
        let response = try cloud.send(
            "POST", .compute, "/servers/\(server.id)/os-volume_attachments", json: ["volumeAttachment": ["volumeId": .string(volume)]],
            patience)
        return .document((try? response.json()["volumeAttachment"]) ?? [:])
    }

    /// `DELETE /servers/ID/os-volume_attachments/VOLUME`
    private func detachVolume(_ id: String, _ arguments: JSON) throws(DriverError) -> ActionResult {
        guard let volume = arguments["volume"]?.string, Servers.isPlain(volume) else {
            throw .invalid("\(Self.detachVolume) wants {\"volume\": ID}")
        }
        let server = try servers.get(id, patience)
        try cloud.send("DELETE", .compute, "/servers/\(server.id)/os-volume_attachments/\(volume)", patience)
        return .done
    }

    /// A floating address for the server's first port: `POST /v2.0/floatingips`. It goes when the server is destroyed.
    private func attachAddress(_ id: String, _ arguments: JSON) throws(DriverError) -> ActionResult {
        let server = try servers.get(id, patience)
        guard let name = arguments["network"]?.string ?? cloud.settings.floatingNetwork else {
            throw .invalid("\(Self.attachAddress) wants {\"network\": …}, or config.floating_network")
        }
        let network = try directory.network(name, patience)
        let ports = try cloud.get(.network, "/ports?device_id=\(server.id)", patience)["ports"]?.array ?? []
        guard let port = ports.first?["id"]?.string else { throw .conflict("server \(id) has no port") }
        let response = try cloud.send(
            "POST", .network, "/floatingips", json: ["floatingip": ["floating_network_id": .string(network), "port_id": .string(port)]],
            patience)
        guard let made = try? response.json()["floatingip"], let address = made["id"]?.string else {
            throw .broken("Neutron's answer has no floating address", native: response.excerpt)
        }
        let marks = [server.metadata[Server.Mark.addresses]?.string, address].compactMap { $0 }.joined(separator: ",")
        try servers.mark(id, Server.Mark.addresses, marks, patience)
        return .document(["id": .string(address), "address": made["floating_ip_address"] ?? nil])
    }
}
