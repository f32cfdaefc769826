import Foundation
import JSON
import PluginHost
import TestSupport
import Testing

/// Who the driver is, where it finds the services, and which version it speaks.
@Suite("OpenStack, logging in")
struct LoginTests {
    private func with(_ override: @escaping RecordedCloud.Override = { _, _ in nil }, _ body: (RecordedCloud) throws -> Void) throws {
        let cloud = try RecordedCloud(override)
        defer { cloud.stop() }
        try body(cloud)
    }

    /// What the login sends, for these settings alone.
    private func login(_ settings: JSON) throws -> JSON {
        var sent: JSON = nil
        try with { (cloud) throws in
            var settings = settings
            settings["auth_url"] = .string(cloud.server.url)
            settings["poll_s"] = 0
            try Provider(settings).close()
            sent = try JSON(parsing: try #require(cloud.logins.first).body)["auth"] ?? nil
        }
        return sent
    }

    @Test("users and projects of other domains are named with their domain, by name or by id")
    func domains() throws {
        let byName = try login(["username": "u", "user_domain": "corp", "password": "p", "project": "x", "project_domain_id": "d9"])
        #expect(byName["identity"]?["password"]?["user"] == ["name": "u", "domain": ["name": "corp"], "password": "p"])
        #expect(byName["scope"] == ["project": ["name": "x", "domain": ["id": "d9"]]])
        let byID = try login(["user_id": "u1", "password": "p", "project_id": "x1"])
        #expect(byID["identity"]?["password"]?["user"] == ["id": "u1", "password": "p"])
        #expect(byID["scope"] == ["project": ["id": "x1"]])
    }

    @Test("a domain is a scope where there is no project")
    func domainScope() throws {
        #expect(try login(["username": "u", "password": "p", "domain": "corp"])["scope"] == ["domain": ["name": "corp"]])
    }

    @Test("a token that is there logs in, and one that has ended is `denied`: Keystone calls it 404")
    func token() throws {
        let auth = try login(["token": "abc", "project": "demo"])
        #expect(auth["identity"] == ["methods": ["token"], "token": ["id": "abc"]])
        try with({ request, _ in
            request.path.hasPrefix("/v3/auth/tokens") ? .answer(404, body: "{\"error\":{\"message\":\"Could not find token\"}}") : nil
        }) { (cloud) throws in
            #expect {
                try Provider(["auth_url": .string(cloud.server.url), "token": "old", "project": "demo"])
            } throws: {
                ($0 as? Provider.Refused)?.outcome.status == .denied
            }
        }
    }

    @Test("an application credential may be named, with its user")
    func namedCredential() throws {
        let auth = try login(
            ["application_credential_name": "ci", "application_credential_secret": "s", "username": "u", "user_domain": "corp"])
        let user: JSON = ["name": "u", "domain": ["name": "corp"]]
        #expect(auth["identity"]?["application_credential"] == ["name": "ci", "user": user, "secret": "s"])
        #expect(auth["scope"] == nil)
    }

    @Test("OS_* variables alone are enough, and settings count more")
    func variables() throws {
        try with { (cloud) throws in
            let variables = [
                "OS_AUTH_URL": cloud.server.url + "/v3", "OS_USERNAME": "from-variable", "OS_PASSWORD": "p", "OS_PROJECT_NAME": "vp",
                "OS_USER_DOMAIN_NAME": "corp", "OS_PROJECT_DOMAIN_ID": "d1",
            ]
            for (name, value) in variables { setenv(name, value, 1) }
            defer { for name in variables.keys { unsetenv(name) } }
            try Provider(["poll_s": 0]).close()
            try Provider(["poll_s": 0, "username": "from-settings"]).close()
            let auths = cloud.logins.compactMap { try? JSON(parsing: $0.body)["auth"] }
            #expect(auths[0]["identity"]?["password"]?["user"]?["name"] == "from-variable")
            #expect(auths[0]["identity"]?["password"]?["user"]?["domain"] == ["name": "corp"])
            #expect(auths[0]["scope"] == ["project": ["name": "vp", "domain": ["id": "d1"]]])
            #expect(auths[1]["identity"]?["password"]?["user"]?["name"] == "from-settings")
        }
    }

    @Test(
        "the service's address is that of the region and interface asked for, an override counting more",
        arguments: [
            ([:], "/one/public"), (["region": "Two"], "/two/public"), (["region": "Two", "interface": "internal"], "/two/internal"),
            (["region": "Two", "interface": "internalURL"], "/two/internal"), (["endpoints": ["compute": "HERE/mine"]], "/mine"),
        ] as [(JSON, String)])
    func endpoints(settings: JSON, prefix: String) throws {
        try with({ request, _ in
            let url = "http://\(request.headers["host"] ?? "")"
            func endpoint(_ region: String, _ interface: String) -> JSON {
                let path = "/\(region.lowercased())/\(interface)"
                return ["region_id": .string(region), "interface": .string(interface), "url": .string(url + path + "/v2.1/")]
            }
            if request.path.hasPrefix("/v3/auth/tokens") {
                let compute: JSON = [
                    "type": "compute",
                    "endpoints": [
                        endpoint("One", "internal"), endpoint("One", "public"), endpoint("Two", "public"), endpoint("Two", "internal"),
                    ],
                ]
                let token: JSON = [
                    "token": [
                        "catalog": [compute], "issued_at": "2026-11-25T10:00:00.000000Z", "expires_at": "2026-11-25T11:00:00.000000Z",
                    ]
                ]
                return .answer(201, headers: ["X-Subject-Token": "t"], body: token.text)
            }
            let file = request.path.hasSuffix("/v2.1/") ? "15-nova-v2.1" : "23-limits"
            return (try? RecordedCloud.recorded(file)).map { .answer($0.status, body: $0.body) }
        }) { (cloud) throws in
            var settings = settings
            if let mine = settings["endpoints"]?["compute"]?.string {
                settings["endpoints"] = ["compute": .string(mine.replacingOccurrences(of: "HERE", with: cloud.server.url))]
            }
            let provider = try cloud.provider(settings)
            defer { provider.close() }
            #expect(provider.call("health").status == .ok)
            #expect(cloud.server.requests.last?.path == prefix + "/v2.1/limits")
        }
    }

    @Test("the newest version that both speak is spoken", arguments: [("2.53", "2.53"), ("2.93", "2.79")])
    func microversion(theirs: String, spoken: String) throws {
        try with({ request, _ in
            request.path == "/v2.1/"
                ? .answer(200, body: "{\"version\":{\"id\":\"v2.1\",\"version\":\"\(theirs)\",\"min_version\":\"2.1\"}}") : nil
        }) { (cloud) throws in
            let provider = try cloud.provider()
            defer { provider.close() }
            #expect(provider.call("health").status == .ok)
            #expect(cloud.server.requests.last?.headers["openstack-api-version"] == "compute \(spoken)")
        }
    }

    @Test("a Nova from before 2.47 names the flavor by its id, and the size is looked up")
    func oldFlavors() throws {
        try with({ request, _ in
            if request.path == "/v2.1/" {
                return .answer(200, body: "{\"version\":{\"id\":\"v2.1\",\"version\":\"2.40\",\"min_version\":\"2.1\"}}")
            }
            guard request.path.hasPrefix("/v2.1/servers/detail"), let list = try? RecordedCloud.recorded("35-servers-detail") else {
                return nil
            }
            return .answer(200, body: list.body)
        }) { (cloud) throws in
            let provider = try cloud.provider()
            defer { provider.close() }
            let machine = try #require(try provider.list().first)
            #expect(machine["memory_mib"]?.int ?? 0 > 0 && machine["cpus"] == 1)
        }
    }

    @Test("flavors, images and networks are walked page by page")
    func pages() throws {
        try with({ request, _ in
            let url = "http://\(request.headers["host"] ?? "")"
            let isSecond = request.path.contains("marker=")
            let number = isSecond ? 2 : 1
            switch request.path.prefix(while: { $0 != "?" }) {
            case "/v2.1/flavors/detail":
                let links = isSecond ? "" : ",\"flavors_links\":[{\"rel\":\"next\",\"href\":\"\(url)/v2.1/flavors/detail?marker=1\"}]"
                return .answer(
                    200, body: "{\"flavors\":[{\"id\":\"\(number)\",\"name\":\"f\(number)\",\"vcpus\":1,\"ram\":64,\"disk\":1}]\(links)}")
            case "/v2/images":
                let next = isSecond ? "" : ",\"next\":\"/v2/images?marker=1\""
                return .answer(200, body: "{\"images\":[{\"id\":\"\(number)\",\"name\":\"i\(number)\"}]\(next)}")
            case "/v2.0/networks":
                let links = isSecond ? "" : ",\"networks_links\":[{\"rel\":\"next\",\"href\":\"\(url)/v2.0/networks?marker=1\"}]"
                return .answer(200, body: "{\"networks\":[{\"id\":\"\(number)\",\"name\":\"n\(number)\"}]\(links)}")
            default: return nil
            }
        }) { (cloud) throws in
            let provider = try cloud.provider()
            defer { provider.close() }
            let catalog = try provider.document("catalog")
            func names(_ field: String) -> [String] { catalog[field]?.array?.compactMap { $0["name"]?.string } ?? [] }
            #expect(names("sizes") == ["f1", "f2"] && names("images") == ["i1", "i2"] && names("networks") == ["n1", "n2"])
        }
    }
}
