import Foundation
import JSON
import PluginHost
import Synchronization
import TestSupport
import Testing

/// What a real cloud does not do on demand, with its own recorded words where it has any.
@Suite("OpenStack, recorded")
struct RecordedTests {
    private func with(_ override: @escaping RecordedCloud.Override = { _, _ in nil }, _ body: (RecordedCloud) throws -> Void) throws {
        let cloud = try RecordedCloud(override)
        defer { cloud.stop() }
        try body(cloud)
    }

    @Test("servers are listed with their size, image, addresses and time")
    func list() throws {
        try with { cloud in
            let provider = try cloud.provider()
            defer { provider.close() }
            let machine = try #require(try provider.list().first)
            #expect(machine["id"] == "3f03f181-3095-4e14-8500-8a4d1f75403f")
            #expect(machine["state"] == "running")
            #expect(machine["cpus"] == 1 && machine["memory_mib"] == 512)
            #expect(machine["addresses"] == ["10.64.1.74"])
            #expect(machine["created"] == "2026-11-21T03:36:55Z")
            #expect(machine["key"] == nil, "a server without our mark is foreign")
        }
    }

    @Test("a list of several pages is walked to its end")
    func pages() throws {
        try with({ request, _ in
            guard request.path.hasPrefix("/v2.1/servers/detail"), let address = request.headers["host"] else { return nil }
            let file =
                if request.path.hasSuffix("marker=3f03f181-3095-4e14-8500-8a4d1f75403f") { "92-servers-empty" } else {
                    request.path.contains("marker=") ? "55-servers-page-2" : "54-servers-page-1"
                }
            guard let page = try? RecordedCloud.recorded(file, url: "http://\(address)") else { return nil }
            return .answer(page.status, body: page.body)
        }) { cloud in
            let provider = try cloud.provider()
            defer { provider.close() }
            #expect(try provider.list().compactMap { $0["name"]?.string } == ["rec-2", "rec-1-renamed"])
        }
    }

    @Test("ten thousand servers are listed")
    func hugeList() throws {
        let one = try JSON(parsing: RecordedCloud.recorded("36-servers-detail-2.93").body)["servers"]?[0]?.text ?? ""
        let body = "{\"servers\":[\(Array(repeating: one, count: 10_000).joined(separator: ","))]}"
        try with({ request, _ in request.path.hasPrefix("/v2.1/servers/detail") ? .answer(200, body: body) : nil }) { cloud in
            let provider = try cloud.provider()
            defer { provider.close() }
            #expect(try provider.list().count == 10_000)
        }
    }

    @Test("a token that is refused is renewed once, however many calls it was refused to")
    func oneRenewal() async throws {
        let refused = Refused()
        let cloud = try RecordedCloud { request, _ in
            guard request.path.hasPrefix("/v2.1/limits"), refused.isStale(request.headers["x-auth-token"]) else { return nil }
            let answer = try? RecordedCloud.recorded("62-bad-token-401")
            return .answer(401, body: answer?.body ?? "")
        }
        defer { cloud.stop() }
        let provider = try cloud.provider()
        defer { provider.close() }
        refused.arm()
        let outcomes = await onThreads(16) { _ in provider.call("health") }
        #expect(outcomes.allSatisfy { $0.status == .ok }, "\(outcomes.filter { $0.status != .ok })")
        #expect(cloud.logins.count == 2)
    }

    /// Refuses the first token that it sees after it was armed.
    private final class Refused: Sendable {
        private let state = Mutex<(isArmed: Bool, token: String?)>((false, nil))
        func arm() { state.withLock { $0.isArmed = true } }
        func isStale(_ token: String?) -> Bool {
            state.withLock { state in
                guard state.isArmed else { return false }
                if state.token == nil { state.token = token }
                return token == state.token
            }
        }
    }

    @Test("credentials that stay refused are `denied`, in the service's words, whatever shape it gives them")
    func denied() throws {
        try with({ request, _ in
            guard request.path.hasPrefix("/v2/images") else { return nil }
            return .answer(
                401, body: "{\"message\": \"This server could not verify\", \"code\": \"401 Unauthorized\", \"title\": \"Unauthorized\"}")
        }) { cloud in
            let provider = try cloud.provider()
            defer { provider.close() }
            let outcome = provider.call("catalog")
            #expect(outcome.status == .denied)
            #expect(outcome.native?.contains("could not verify") == true)
        }
    }

    @Test("a Nova that is too old is refused with the version that is needed")
    func oldNova() throws {
        try with({ request, _ in
            request.path == "/v2.1/"
                ? .answer(200, body: "{\"version\":{\"id\":\"v2.1\",\"version\":\"2.12\",\"min_version\":\"2.1\"}}") : nil
        }) { cloud in
            let provider = try cloud.provider()
            defer { provider.close() }
            let outcome = provider.call("health")
            #expect(outcome.status == .unsupported)
            #expect(outcome.message?.contains("2.37") == true)
        }
    }

    @Test("nonsense from the cloud is `broken`, not a crash", arguments: ["<html>", "[]", "{\"limits\":", "null", ""])
    func nonsense(body: String) throws {
        try with({ request, _ in request.path.hasPrefix("/v2.1/servers/detail") ? .answer(200, body: body) : nil }) { cloud in
            let provider = try cloud.provider()
            defer { provider.close() }
            #expect(provider.call("list").status == .broken)
        }
    }

    @Test("a create that fails with 500 is unknown, and is not sent a second time by the driver itself")
    func createFails() throws {
        try with({ request, _ in
            if request.method == "POST", request.path == "/v2.1/servers" {
                return .answer(500, body: "{\"computeFault\":{\"message\":\"oops\"}}")
            }
            return request.path.hasPrefix("/v2.1/servers/detail") ? .answer(200, body: "{\"servers\":[]}") : nil
        }) { cloud in
            let provider = try cloud.provider()
            defer { provider.close() }
            #expect(provider.create(Provider.tiny).status == .retry)
            #expect(cloud.server.requests.filter { $0.method == "POST" && $0.path == "/v2.1/servers" }.count == 1)
        }
    }

    @Test("an application credential logs in by itself, without a scope")
    func applicationCredential() throws {
        try with { cloud in
            let settings: JSON = [
                "auth_url": .string(cloud.server.url), "application_credential_id": "abc", "application_credential_secret": "s3",
                "poll_s": 0,
            ]
            try Provider(settings).close()
            let auth = try JSON(parsing: try #require(cloud.logins.first).body)["auth"]
            #expect(auth?["identity"]?["methods"] == ["application_credential"])
            #expect(auth?["identity"]?["application_credential"] == ["id": "abc", "secret": "s3"])
            #expect(auth?["scope"] == nil)
        }
    }

    @Test("clouds.yaml names the cloud, secure.yaml beside it the password, and the provider's own settings come first")
    func cloudsYAML() throws {
        try with { cloud in
            let folder = try TemporaryDirectory("clouds")
            let file = try folder.write(
                "clouds.yaml",
                """
                clouds:
                  lab: &base
                    auth:
                      auth_url: \(cloud.server.url)/v3
                      username: 'from-file'
                      project_name: demo
                      project_domain_id: default
                    region_name: RegionOne
                    interface: internal
                """)
            try folder.write("secure.yaml", "clouds: {lab: {auth: {password: \"pa:ss #1\"}}}")
            try Provider(["cloud": "lab", "clouds_file": .string(file), "username": "from-settings", "poll_s": 0]).close()
            let auth = try JSON(parsing: try #require(cloud.logins.first).body)["auth"]
            let user = auth?["identity"]?["password"]?["user"]
            #expect(user?["name"] == "from-settings")
            #expect(user?["password"] == "pa:ss #1")
            #expect(auth?["scope"]?["project"] == ["name": "demo", "domain": ["id": "default"]])
        }
    }

    @Test(
        "settings that cannot work say what is missing",
        arguments: [
            ([:], "auth_url"), (["auth_url": "ftp://x"], "no http"), (["auth_url": "http://127.0.0.1:1"], "credentials"),
            (["auth_url": "http://127.0.0.1:1", "password": "p"], "username"), (["cloud": "none", "clouds_file": "/dev/null"], "none"),
        ] as [(JSON, String)])
    func missing(settings: JSON, word: String) throws {
        #expect {
            try Provider(settings)
        } throws: { error in
            guard let refused = error as? Provider.Refused else { return false }
            return refused.outcome.status == .invalid && refused.description.contains(word)
        }
    }

    @Test("a region that the catalog does not know is refused with those that it knows")
    func region() throws {
        try with { cloud in
            let provider = try cloud.provider(["region": "Elsewhere"])
            defer { provider.close() }
            let outcome = provider.call("health")
            #expect(outcome.status == .invalid)
            #expect(outcome.native?.contains("RegionOne") == true)
        }
    }

    /// What a create sends, for a spec and settings.
    private func createBody(_ spec: JSON, _ settings: JSON) throws -> JSON {
        var body: JSON = nil
        try with({ request, _ in request.path.contains("name=") ? .answer(200, body: "{\"servers\":[]}") : nil }) { cloud in
            let provider = try cloud.provider(settings)
            defer { provider.close() }
            _ = provider.create(spec, key: "6f9619ff-8b86-8011-b42d-00c04fc964ff")
            let request = cloud.server.requests.first { $0.method == "POST" && $0.path == "/v2.1/servers" }
            body = try JSON(parsing: try #require(request).body)["server"] ?? nil
        }
        return body
    }

    @Test("a server carries its key in its name and its metadata, and gets the smallest flavor that fits")
    func createRequest() throws {
        var spec = Provider.tiny
        spec["networks"] = ["private"]
        spec["addresses"] = ["10.64.0.9"]
        spec["tags"] = ["lease": "l-1"]
        spec["user_data"] = "#!/bin/sh\necho \u{e9}\n"
        let body = try createBody(spec, ["security_groups": ["web"], "availability_zone": "nova"])
        #expect(body["name"] == "t-6f9619ff-8b86-8011-b42d-00c04fc964ff")
        #expect(body["metadata"] == ["berth_key": "6f9619ff-8b86-8011-b42d-00c04fc964ff", "berth_lease": "l-1"])
        #expect(body["flavorRef"] == "72472f2f-a5e1-494a-8e80-23bc76cc8ef0")
        #expect(body["networks"] == [["uuid": "5621d048-328b-4029-9f08-3d0ed8ccbf1b", "fixed_ip": "10.64.0.9"]])
        #expect(body["security_groups"] == [["name": "web"]])
        #expect(body["availability_zone"] == "nova")
        let data = Data(base64Encoded: body["user_data"]?.string ?? "") ?? Data()
        #expect(String(decoding: data, as: UTF8.self) == spec["user_data"]?.string)
    }

    @Test("a machine that names no network gets none")
    func noNetwork() throws {
        #expect(try createBody(Provider.tiny, [:])["networks"] == "none")
    }

    @Test("booting from a volume makes one of the image, which goes with the server")
    func bootFromVolume() throws {
        let body = try createBody(Provider.tiny, ["boot_from_volume": true, "volume_gib": 7])
        let disk = body["block_device_mapping_v2"]?[0]
        #expect(body["imageRef"] == "")
        #expect(disk?["uuid"] == "35dbf3d1-bf56-46d8-8b68-a6a2f6388b3d")
        #expect(disk?["volume_size"] == 7 && disk?["delete_on_termination"] == true)
    }

    @Test("`volume=ID` as image boots from that volume")
    func existingVolume() throws {
        var spec = Provider.tiny
        spec["image"] = "volume=11111111-2222-3333-4444-555555555555"
        let disk = try createBody(spec, [:])["block_device_mapping_v2"]?[0]
        #expect(disk?["source_type"] == "volume" && disk?["uuid"] == "11111111-2222-3333-4444-555555555555")
    }

    @Test(
        "ids that would lead elsewhere in a path are not found, and nothing is asked",
        arguments: ["../flavors", "a/b", "", "a?b", "%2e%2e"])
    func hostileIds(id: String) throws {
        try with { cloud in
            let provider = try cloud.provider()
            defer { provider.close() }
            let before = cloud.server.requests.count
            #expect(provider.call("inspect", [.string(id)]).status == .notFound)
            #expect(provider.action(id, "destroy").status == .notFound)
            #expect(cloud.server.requests.count == before)
        }
    }
}
