import Foundation
import JSON
import PluginHost
import TestSupport
import Testing

/// Each verb, and what the real stack does not do on demand, against servers that follow a script.
@Suite("OpenStack, verb by verb")
struct ActionTests {
    private static let id = "00000000-0000-4000-8000-000000000001"

    /// A cloud with one running server, unless `servers` says otherwise; `more` answers before it.
    private func with(
        _ servers: ScriptedServers = ScriptedServers([id]), more: @escaping RecordedCloud.Override = { _, _ in nil }, settings: JSON = [:],
        _ body: (Provider, RecordedCloud) throws -> Void
    ) throws {
        let cloud = try RecordedCloud { more($0, $1) ?? servers.reply($0, $1) }
        defer { cloud.stop() }
        let provider = try cloud.provider(settings)
        defer { provider.close() }
        try body(provider, cloud)
    }

    private func document(_ outcome: CallOutcome) throws -> JSON {
        guard outcome.status == .ok else { throw Provider.Refused(outcome: outcome) }
        return try JSON(parsing: outcome.document)
    }

    private func bodies(_ cloud: RecordedCloud, _ method: String, _ suffix: String) -> [JSON] {
        cloud.server.requests.filter { $0.method == method && $0.path.hasSuffix(suffix) }.compactMap { try? JSON(parsing: $0.body) }
    }

    @Test("a resize goes to the nearest flavor and is confirmed, so that nothing waits for a person")
    func resize() throws {
        try with { (provider, cloud) throws in
            _ = try document(provider.action(Self.id, "resize", ["memory_mib": 500]))
            let actions = bodies(cloud, "POST", "/action")
            #expect(actions.count == 2)
            // m1.tiny, 512 MiB.
            let flavors = try JSON(parsing: RecordedCloud.recorded("21-flavors-detail").body)["flavors"]?.array ?? []
            let tiny = flavors.first { $0["name"] == "m1.tiny" }
            #expect(actions.first?["resize"]?["flavorRef"] == tiny?["id"])
            #expect(actions.last?.object?.names == ["confirmResize"])
        }
    }

    @Test("a resize that no host can take is `exhausted`, in the cloud's words, and the server is as before")
    func resizeWithoutRoom() throws {
        let fault: JSON = ["code": 400, "message": "No valid host was found. No valid host found for resize"]
        let servers = ScriptedServers([Self.id], outcomes: ["resize": [.init("ACTIVE", "resize_prep"), .init("ACTIVE", fault: fault)]])
        try with(servers) { (provider, cloud) throws in
            let outcome = provider.action(Self.id, "resize", ["memory_mib": 500])
            #expect(outcome.status == .exhausted && outcome.native?.contains("No valid host") == true, "\(outcome)")
            #expect(bodies(cloud, "POST", "/action").count == 1)
        }
    }

    @Test("a snapshot answers the image's id once the server is done with it")
    func snapshot() throws {
        try with { (provider, cloud) throws in
            let answer = try document(provider.action(Self.id, "snapshot", ["name": "before"]))
            #expect(answer["image"] == "99999999-0000-4000-8000-000000000000")
            #expect(bodies(cloud, "POST", "/action").first?["createImage"]?["name"] == "before")
        }
    }

    @Test(
        "the console of each type has an address", arguments: [("novnc", "vnc"), ("spice-html5", "spice"), ("serial", "serial")])
    func console(type: String, spoken: String) throws {
        try with(
            more: { request, _ in
                guard request.path.hasSuffix("/remote-consoles") else { return nil }
                return .answer(200, body: "{\"remote_console\":{\"url\":\"https://console.example/?token=1\"}}")
            }
        ) { (provider, cloud) throws in
            #expect(try document(provider.action(Self.id, "console", ["type": .string(type)]))["url"] == "https://console.example/?token=1")
            let asked = bodies(cloud, "POST", "/remote-consoles").first?["remote_console"]
            #expect(asked?["protocol"] == .string(spoken) && asked?["type"] == .string(type))
            #expect(provider.action(Self.id, "console", ["type": "telnet"]).status == .invalid)
        }
    }

    @Test("a volume is attached and detached through the server")
    func volumes() throws {
        let volume = "11111111-2222-4333-8444-555555555555"
        try with(
            more: { request, _ in
                guard request.path.contains("/os-volume_attachments") else { return nil }
                return request.method == "POST"
                    ? .answer(200, body: "{\"volumeAttachment\":{\"device\":\"/dev/vdb\",\"volumeId\":\"\(volume)\"}}") : .answer(202)
            }
        ) { (provider, cloud) throws in
            let answer = try document(provider.action(Self.id, "openstack.attach-volume", ["volume": .string(volume)]))
            #expect(answer["device"] == "/dev/vdb")
            let attached = bodies(cloud, "POST", "/servers/\(Self.id)/os-volume_attachments").first
            #expect(attached?["volumeAttachment"]?["volumeId"] == .string(volume))
            #expect(provider.action(Self.id, "openstack.detach-volume", ["volume": .string(volume)]).status == .ok)
            #expect(
                cloud.server.requests.contains {
                    $0.method == "DELETE" && $0.path.hasSuffix("/servers/\(Self.id)/os-volume_attachments/\(volume)")
                })
            #expect(provider.action(Self.id, "openstack.attach-volume").status == .invalid)
            #expect(provider.action(Self.id, "openstack.detach-volume", ["volume": "../x"]).status == .invalid)
        }
    }

    @Test("a floating address is made for the server's port and noted with the server, so that it can go with it")
    func address() throws {
        try with(
            more: { request, _ in
                switch (request.method, request.path.prefix { $0 != "?" }) {
                case ("GET", "/v2.0/ports"): .answer(200, body: "{\"ports\":[{\"id\":\"port-1\"}]}")
                case ("POST", "/v2.0/floatingips"):
                    .answer(201, body: "{\"floatingip\":{\"id\":\"address-1\",\"floating_ip_address\":\"203.0.113.7\"}}")
                case ("PUT", "/v2.1/servers/\(Self.id)/metadata/berth_addresses"): .answer(200, body: "{}")
                default: nil
                }
            }, settings: ["floating_network": "public"]
        ) { (provider, cloud) throws in
            #expect(try document(provider.action(Self.id, "openstack.attach-address"))["address"] == "203.0.113.7")
            #expect(bodies(cloud, "POST", "/v2.0/floatingips").first?["floatingip"]?["port_id"] == "port-1")
            #expect(bodies(cloud, "PUT", "/metadata/berth_addresses").first == ["meta": ["berth_addresses": "address-1"]])
        }
    }

    @Test(
        "a server that ends in ERROR is removed and its fault told: no room is `exhausted`, anything else `conflict`",
        arguments: [
            (500, "No valid host was found. There are not enough hosts available.", CallStatus.exhausted),
            (413, "Quota exceeded for instances", .exhausted), (500, "Build of instance aborted: disk on fire", .conflict),
        ])
    func failedBuild(code: Int, words: String, status: CallStatus) throws {
        let fault: JSON = ["code": JSON(code), "message": .string(words)]
        let servers = ScriptedServers(birth: [.init("BUILD", "scheduling"), .init("BUILD", "spawning"), .init("ERROR", fault: fault)])
        try with(servers, settings: ["settle_s": 60]) { (provider, _) throws in
            let outcome = provider.create(Provider.tiny)
            #expect(outcome.status == status && outcome.native?.contains(words) == true, "\(outcome)")
            #expect(servers.alive.isEmpty)
        }
    }

    @Test("a create that is slower than settle_s answers `building`, and the same key finds the server while it still builds")
    func stillBuilding() throws {
        let servers = ScriptedServers(birth: Array(repeating: .init("BUILD", "spawning"), count: 1000))
        try with(servers, settings: ["settle_s": 0]) { (provider, _) throws in
            let key = UUID().uuidString.lowercased()
            let first = try document(provider.create(Provider.tiny, key: key))
            let second = try document(provider.create(Provider.tiny, key: key))
            #expect(first["state"] == "building" && second["id"] == first["id"])
            #expect(servers.alive.count == 1)
        }
    }

    @Test("usage comes from diagnostics where the role may see them, and is absent where it may not")
    func diagnostics() throws {
        let body = "{\"state\":\"running\",\"cpu_details\":[{\"utilisation\":20},{\"utilisation\":60}],\"memory_details\":{\"used\":48}}"
        for isAllowed in [true, false] {
            try with(
                more: { request, _ in
                    guard request.path.hasSuffix("/diagnostics") else { return nil }
                    return isAllowed ? .answer(200, body: body) : .answer(403, body: "{\"forbidden\":{\"message\":\"Policy\"}}")
                }
            ) { (provider, _) throws in
                let usage = try provider.document("inspect", [.string(Self.id)])["usage"]
                #expect(usage == (isAllowed ? ["cpu": 0.4, "memory_mib": 48] : nil))
            }
        }
    }

    @Test("capacity is the quota, or what the hypervisors have free where that is less and the role may see it")
    func capacity() throws {
        let statistics = "{\"hypervisor_statistics\":{\"vcpus\":8,\"vcpus_used\":5,\"memory_mb\":4096,\"memory_mb_used\":1024}}"
        let limits =
            "{\"limits\":{\"absolute\":{\"maxTotalCores\":20,\"maxTotalRAMSize\":51200,\"maxTotalInstances\":10,"
            + "\"totalCoresUsed\":1,\"totalRAMUsed\":512,\"totalInstancesUsed\":1}}}"
        for sees in [true, false] {
            try with(
                more: { request, _ in
                    if request.path == "/v2.1/limits" { return .answer(200, body: limits) }
                    return sees && request.path == "/v2.1/os-hypervisors/statistics" ? .answer(200, body: statistics) : nil
                }
            ) { (provider, _) throws in
                let node = try provider.document("capacity")["nodes"]?[0]
                #expect(node?["total"]?["cpus"]?.double == (sees ? 4 : 20))
                #expect(node?["total"]?["memory_mib"] == (sees ? 3584 : 51200))
                #expect(node?["total"]?["machines"] == 10 && node?["used"]?["cpus"]?.double == 1)
            }
        }
    }

    @Test("a full quota refused at once is `exhausted` in the cloud's words", arguments: ["66-quota-instances-403", "69-quota-ram-403"])
    func quota(recording: String) throws {
        try with(
            more: { request, _ in
                guard request.method == "POST", request.path == "/v2.1/servers", let answer = try? RecordedCloud.recorded(recording) else {
                    return nil
                }
                return .answer(answer.status, body: answer.body)
            }
        ) { (provider, _) throws in
            let outcome = provider.create(Provider.tiny)
            #expect(outcome.status == .exhausted && outcome.native?.contains("Quota exceeded") == true, "\(outcome)")
        }
    }
}
