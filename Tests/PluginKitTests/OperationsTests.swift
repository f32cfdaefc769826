import JSON
import PluginABI
import PluginKit
import Testing

/// A Swift driver seen from the C side: what the host sees.
@Suite("PluginKit.operations", .serialized)
struct OperationsTests {
    let host = RecordingHost()

    func opened(_ settings: String = #"{"path":"/shelf","rows":2}"#) throws -> OpaquePointer {
        let (status, handle) = Shelf.open(settings, host)
        #expect(status == BERTH_OK)
        return try #require(handle)
    }

    @Test("the descriptor says what the description says")
    func descriptor() throws {
        let plugin = Shelf.plugin.pointee
        #expect(plugin.size == UInt32(MemoryLayout<berth_plugin_t>.size))
        #expect(String(cString: plugin.id) == "shelf")
        #expect(String(cString: plugin.version) == "1.2")
        #expect(String(cString: plugin.vendor) == "Tests")
        var capabilities: [String] = []
        var at = try #require(plugin.capabilities)
        while let capability = at.pointee {
            capabilities.append(String(cString: capability))
            at += 1
        }
        #expect(capabilities == ["create", "destroy", "console", "events", "acme.polish"])
        let schema = try JSON(parsing: String(cString: plugin.config_schema))
        #expect(schema["required"] == ["path"])
        #expect(schema["properties"]?["rows"]?["default"] == 2)
        #expect(schema["additionalProperties"] == false)
    }

    @Test("open makes a handle and close ends it once")
    func openAndClose() throws {
        let before = ShelfDriver.closed
        let handle = try opened()
        #expect(host.lines == ["6 opened"])
        Shelf.ops.close(handle)
        #expect(ShelfDriver.closed == before + 1)
    }

    @Test("a failed open leaves no handle and says why")
    func failedOpen() {
        let (status, handle) = Shelf.open(#"{"path":"/nowhere","rows":2}"#, host)
        #expect(status == BERTH_UNREACHABLE)
        #expect(handle == nil)
        #expect(host.failure == .init(status: Int32(BERTH_UNREACHABLE), message: "no such shelf", native: "ENOENT"))
    }

    @Test("settings that are no object, or lack what is required, are invalid", arguments: ["[]", "{", "", #"{"path":7}"#])
    func badSettings(settings: String) {
        #expect(Shelf.open(settings, host).status == BERTH_INVALID)
        #expect(host.failure?.message.isEmpty == false)
    }

    @Test("an error of the driver's own is broken, with its words")
    func foreignError() throws {
        let handle = try opened(#"{"path":"/shelf","rows":13}"#)
        defer { Shelf.ops.close(handle) }
        #expect(host.call { Shelf.ops.health(handle, $0) } == BERTH_BROKEN)
        #expect(host.failure?.native == "Odd()")
    }

    @Test("cancellation and the deadline reach the driver")
    func cancellation() throws {
        let handle = try opened()
        defer { Shelf.ops.close(handle) }
        #expect(host.call { Shelf.ops.health(handle, $0) } == BERTH_OK)
        #expect(host.progress == ["0.5 looking"])
        host.deadline = 1
        #expect(host.call { Shelf.ops.health(handle, $0) } == BERTH_DEADLINE)
        host.isCancelled = true
        #expect(host.call { Shelf.ops.health(handle, $0) } == BERTH_CANCELLED)
    }

    @Test("capacity writes its document")
    func capacity() throws {
        let handle = try opened()
        defer { Shelf.ops.close(handle) }
        #expect(host.call { Shelf.ops.capacity(handle, $0) } == BERTH_OK)
        let node = try JSON(parsing: host.document)["nodes"]?[0]
        #expect(node?["total"] == ["cpus": 2.5, "memory_mib": 1024])
        #expect(node?["used"] == ["machines": 0])
        #expect(node?["tags"]?["gpu"] == "yes")
    }

    @Test("list writes a line a machine")
    func list() throws {
        let handle = try opened()
        defer { Shelf.ops.close(handle) }
        #expect(host.call { Shelf.ops.list(handle, $0) } == BERTH_OK)
        let lines = host.text.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[1] == #"{"id":"row-1","state":"running","name":"café","cpus":0.125,"memory_mib":512,"native":{"power":7}}"#)
    }

    @Test("a long list is handed over in pieces and stops when the host takes no more")
    func longList() throws {
        let handle = try opened(#"{"path":"/shelf","rows":10000}"#)
        defer { Shelf.ops.close(handle) }
        #expect(host.call { Shelf.ops.list(handle, $0) } == BERTH_OK)
        #expect(host.writes > 5)
        #expect(host.text.split(separator: "\n").count == 10_000)
        host.room = 100_000
        #expect(host.call { Shelf.ops.list(handle, $0) } == BERTH_BROKEN)
    }

    @Test("create hands over key and spec, and its event reaches the host")
    func create() throws {
        let handle = try opened()
        defer { Shelf.ops.close(handle) }
        let spec = #"{"name":"web","cpus":1.5}"#
        #expect(host.call { Shelf.ops.create(handle, $0, "k-1", spec, spec.utf8.count) } == BERTH_OK)
        #expect(host.text == #"{"id":"m0","name":"web","key":"k-1","state":"building","cpus":1.5}"#)
        #expect(host.events == [.init(kind: 1, subject: "m0", data: host.text)])
        #expect(host.call { Shelf.ops.inspect(handle, $0, "m0") } == BERTH_OK)
        #expect(host.call { Shelf.ops.inspect(handle, $0, "m1") } == BERTH_NOT_FOUND)
        #expect(host.document.isEmpty)
    }

    @Test(
        "a spec that is wrong is invalid and names the field",
        arguments: [
            (#"{"cpus":"two"}"#, "cpus"), (#"{"networks":[1]}"#, "networks"), (#"{"memory_mib":1.5}"#, "memory_mib"), ("[]", "object"),
        ])
    func badSpec(spec: String, word: String) throws {
        let handle = try opened()
        defer { Shelf.ops.close(handle) }
        #expect(host.call { Shelf.ops.create(handle, $0, "k", spec, spec.utf8.count) } == BERTH_INVALID)
        #expect(host.failure?.message.contains(word) == true)
    }

    @Test("action reaches verbs of the core and of the vendor")
    func actions() throws {
        let handle = try opened()
        defer { Shelf.ops.close(handle) }
        #expect(host.call { Shelf.ops.create(handle, $0, "k", "{}", 2) } == BERTH_OK)
        let arguments = #"{"wait":3}"#
        #expect(host.call { Shelf.ops.action(handle, $0, "m0", "console", arguments, arguments.utf8.count) } == BERTH_OK)
        #expect(host.text == #"{"url":"vnc://m0","wait":3}"#)
        #expect(host.call { Shelf.ops.action(handle, $0, "m0", "acme.polish", nil, 0) } == BERTH_OK)
        #expect(host.text.contains(#""id":"m0""#))
        #expect(host.call { Shelf.ops.action(handle, $0, "m0", "dance", nil, 0) } == BERTH_UNSUPPORTED)
        #expect(host.call { Shelf.ops.action(handle, $0, "m0", "destroy", nil, 0) } == BERTH_OK)
        #expect(host.document.isEmpty)
    }

    @Test("an operation that a driver does not have is unsupported")
    func defaults() throws {
        let handle = try opened()
        defer { Shelf.ops.close(handle) }
        #expect(host.call { Shelf.ops.catalog(handle, $0) } == BERTH_UNSUPPORTED)
    }

    @Test("a host of another major, or of an older minor, is refused")
    func suits() {
        #expect(DriverExport.suits(major: 1, minor: 0))
        #expect(DriverExport.suits(major: 1, minor: 9))
        #expect(!DriverExport.suits(major: 2, minor: 0))
    }
}
