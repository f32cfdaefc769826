import Foundation
import JSON
import PluginHost
import TestSupport
import Testing

@testable import Host

@Suite("support")
struct SupportTests {
    /// A configuration that knows secrets in each way that there is.
    static func configuration(_ directory: TemporaryDirectory) throws -> String {
        try directory.write("secret", "hunter2 \"quoted\"\n")
        return """
            [host]
            # The name holds the secret, so that every answer and log line with it would tell it.
            name = hunter2 "quoted"
            [plugin esx]
            module = esx.so
            abi = compute/1
            [provider esx1]
            plugin = esx
            enabled = no
            config.password = @file:\(directory("secret"))
            x-session-token = literal-token-9
            config.url = https://admin:pass-in-url@esx.example/sdk
            env.API_SECRET = @env:BERTH_TEST_SUPPORT_SECRET
            """
    }

    @Test("no secret of the configuration is in the bundle, in no spelling, and the rest is")
    func bundle() async throws {
        let directory = try TemporaryDirectory("host")
        let secret = ["BERTH_TEST_SUPPORT_SECRET": "from-the-environment"]
        let host = try await RunningHost(try Self.configuration(directory), in: directory)
        let file = directory("bundle.tar")
        let result = try await host.berth("support", file, environment: secret)
        #expect(result.status == .exited(0), "\(result.standardError)")
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
        let bytes = try Data(contentsOf: URL(filePath: file))
        for word in ["hunter2", "quoted", "literal-token-9", "pass-in-url", "from-the-environment"] {
            #expect(bytes.range(of: Data(word.utf8)) == nil, "\(word) is in the bundle")
        }
        #expect(try Execution.run("/usr/bin/env", ["tar", "-xf", file, "-C", directory.path]).status == .exited(0))
        let folder = try #require(FileManager.default.contentsOfDirectory(atPath: directory.path).first { $0.hasPrefix("berth-support-") })
        let names = try FileManager.default.subpathsOfDirectory(atPath: directory(folder))
        for name in [
            "README.txt", "log.txt", "events.jsonl", "host.info.json", "host.status.json", "system.txt", "configuration/0-plugins.conf",
        ] {
            #expect(names.contains(name), "\(names)")
        }
        let log = try String(contentsOfFile: directory("\(folder)/log.txt"), encoding: .utf8)
        #expect(log.contains("host ready"))
        let configuration = try String(contentsOfFile: directory("\(folder)/configuration/0-plugins.conf"), encoding: .utf8)
        #expect(configuration.contains("config.password = @file:"))
        #expect(configuration.contains("x-session-token = [removed]"))
        #expect(configuration.contains("https://[removed]@esx.example/sdk"))
    }

    @Test("without a running host the bundle says what is missing")
    func alone() async throws {
        let directory = try TemporaryDirectory("host")
        try directory.write("plugins.conf", RunningHost.empty)
        let file = directory("bundle.tar")
        let result = try await Execution(Products.berth, ["support", file], environment: RunningHost.environment(directory)).result()
        #expect(result.status == .exited(0))
        #expect(result.standardOutput.contains("missing: host.info"))
        #expect(FileManager.default.fileExists(atPath: file))
    }

    @Test("a secret is found as plain text, as JSON writes it and as a URL does, in each of its lines")
    func spellings() throws {
        let directory = try TemporaryDirectory("redact")
        try directory.write("secret", "pa/ss \"w\"\nsecond-line\n")
        try directory.write(
            "plugins.conf",
            "[plugin p]\nmodule = p.so\nabi = compute/1\n[provider x]\nplugin = p\nconfig.k = @file:\(directory("secret"))\n")
        let redaction = Redaction(try Configuration.load(directory("plugins.conf"), state: directory.path))
        let text = "a pa/ss \"w\" b pa/ss \\\"w\\\" c pa%2Fss%20%22w%22 d second-line e"
        #expect(String(decoding: redaction.clean(text), as: UTF8.self) == "a [removed] b [removed] c [removed] d [removed] e")
    }
}
