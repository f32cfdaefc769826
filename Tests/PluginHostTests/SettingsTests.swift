import Foundation
import JSON
import Model
import TestSupport
import Testing

@testable import PluginHost

@Suite("the settings of a provider")
struct SettingsTests {
    static let schema: JSON = [
        "type": "object", "required": ["uri"], "additionalProperties": false,
        "properties": [
            "uri": ["type": "string", "pattern": "^[a-z]+://"],
            "port": ["type": "integer", "minimum": 1, "maximum": 65535, "default": 443],
            "ratio": ["type": "number"], "verify": ["type": "boolean", "default": true],
            "names": ["type": "array", "items": ["type": "string"]],
            "numbers": ["type": "array", "items": ["type": "integer"]], "either": ["type": ["integer", "string"]],
            "kind": ["enum": ["a", "b"]],
            "password": ["type": "string", "writeOnly": true], "key": ["type": "string", "writeOnly": true],
            "auth": [
                "type": "object", "additionalProperties": false, "properties": ["user": ["type": "string"], "tries": ["type": "integer"]],
            ],
        ],
    ]

    func settings(_ lines: String...) throws -> JSON {
        let text = "[plugin p]\nmodule = p.so\n[provider lab]\nplugin = p\n" + lines.map { "config.\($0)\n" }.joined()
        return try #require(try read(text).provider("lab")).settings(for: JSON.Schema(Self.schema))
    }

    func failure(_ lines: String...) throws -> String {
        let text = "[plugin p]\nmodule = p.so\n[provider lab]\nplugin = p\n" + lines.map { "config.\($0)\n" }.joined()
        let provider = try #require(try read(text).provider("lab"))
        let schema = try JSON.Schema(Self.schema)
        let error = #expect(throws: BerthError.self) { try provider.settings(for: schema) }
        return error?.message ?? ""
    }

    @Test("values get the types of the schema, defaults are filled in, commas separate, dots nest")
    func types() throws {
        let settings = try settings(
            "uri = qemu:///x", "ratio = 0.5", "verify = no", "names = a, b ,c", "numbers = 1,2", "either = 7", "kind = a", "auth.user = me",
            "auth.tries = 3")
        #expect(
            settings == [
                "uri": "qemu:///x", "ratio": 0.5, "verify": false, "names": ["a", "b", "c"], "numbers": [1, 2], "either": 7, "kind": "a",
                "auth": ["user": "me", "tries": 3], "port": 443,
            ])
        #expect(try self.settings("uri = qemu:///x", "either = x7", "names =")["names"] == [])
        #expect(try self.settings("uri = qemu:///x", "either = x7")["either"] == "x7")
    }

    @Test("every field that is wrong is named")
    func wrong() throws {
        let message = try failure("port = many", "usr = x", "auth.usr = x", "ratio = nan")
        #expect(message.contains(":5: config.port is not integer"))
        #expect(message.contains(":6: config.usr is not a setting of this driver;"))
        #expect(message.contains(":7: config.auth.usr is not a setting of this driver: did you mean 'user'?"))
        #expect(message.contains(":8: config.ratio is not number"))
    }

    @Test(
        "what the schema forbids is said with its path",
        arguments: [
            ("uri = nonsense", "config.uri does not match ^[a-z]+://"), ("port = 0", "config.port is less than 1"),
            ("port = 70000", "config.port is more than 65535"), ("kind = c", "config.kind is none of a, b"),
            ("names = x", "config.uri is missing"),
        ])
    func forbidden(line: String, message: String) throws {
        let lines = line.hasPrefix("uri") || line.hasPrefix("names") ? [line] : [line, "uri = a://"]
        let text = try lines.count == 1 ? failure(lines[0]) : failure(lines[0], lines[1])
        #expect(text.contains(message))
    }

    @Test("a secret comes from a file or a variable, and a newline at the file's end is none of it")
    func secrets() throws {
        let directory = try TemporaryDirectory("secret")
        let file = try directory.write("password", "hunter2\n")
        setenv("BERTH_TEST_SECRET", "opensesame", 1)
        defer { unsetenv("BERTH_TEST_SECRET") }
        let settings = try settings("uri = a://", "password = @file:\(file)", "key = @env:BERTH_TEST_SECRET")
        #expect(settings["password"] == "hunter2" && settings["key"] == "opensesame")
    }

    @Test("a secret in clear is refused where the schema says that it is one, and not repeated")
    func clear() throws {
        let message = try failure("uri = a://", "key = hunter2")
        #expect(message.contains("config.key is a secret and stands there in clear: write @file:PATH or @env:NAME"))
        #expect(!message.contains("hunter2"))
    }

    @Test("a secret that breaks the schema is not repeated either")
    func hidden() throws {
        let directory = try TemporaryDirectory("secret")
        let file = try directory.write("uri", "hunter2")
        let message = try failure("uri = @file:\(file)")
        #expect(message.contains("config.uri does not match") && !message.contains("hunter2"))
    }

    @Test("a secret that is not there is named with its place")
    func absent() throws {
        #expect(try failure("uri = @file:/none/x").contains("config.uri cannot be read from /none/x: no such file or directory"))
        #expect(try failure("uri = @env:BERTH_NONE").contains("config.uri comes from the variable BERTH_NONE, which is not set"))
    }

    @Test("a plain value and settings below it do not go together")
    func clash() throws {
        #expect(try failure("either = 1", "either.x = 2").contains("config.either.x stands beside 'config.either', which is a plain value"))
    }
}
