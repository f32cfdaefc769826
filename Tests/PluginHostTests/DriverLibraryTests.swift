import Foundation
import JSON
import Model
import TestSupport
import Testing

@testable import PluginHost

@Suite("a driver's code, mapped and checked")
struct DriverLibraryTests {
    @Test("a good driver tells who it is, what it can and what it wants")
    func good() throws {
        let library = try load(try Zoo.good.build())
        #expect(
            library.identity
                == .init(id: "zoo-good", name: "One of the zoo", version: "1.0", vendor: "Berth's tests", license: "Apache-2.0", url: ""))
        #expect(library.capabilities.contains("create") && !library.isReentrant)
        #expect(library.schema?.properties.map(\.name) == ["machines", "delay_ms"])
        #expect(Set(library.calls.keys) == Set(ABIDescription.compute.calls.map(\.name)))
    }

    @Test("structs longer than the host knows are fine while their tails are zero")
    func longer() throws {
        #expect(try load(try Zoo.longStructZero.build()).identity.id == "zoo-long-struct-zero")
    }

    @Test(
        "each fault has its step and its reason",
        arguments: [
            (Zoo.missingSymbol, "dlopen", "undefined symbol: "),
            (.missingDependency, "dlopen", "libzoo-dependency.so: cannot open shared object file"),
            (.missingEntry, "entry", "does not export berth_driver_entry"), (.refusesHost, "entry", "the driver's entry refuses compute/1"),
            (.noteDisagrees, "descriptor", "the descriptor's id is"), (.shortStruct, "descriptor", "it has no table of operations"),
            (.shortTable, "descriptor", "the table has nothing for '"), (.emptySlot, "descriptor", "the table has nothing for '"),
            (.longStructNonzero, "descriptor", "is longer than this host knows"),
            (.badSchema, "schema", "is no JSON Schema that Berth understands"),
        ])
    func faults(zoo: Zoo, step: String, reason: String) throws {
        let module = try zoo.build()
        let error = #expect(throws: BerthError.self) { try load(module) }
        #expect(error?.field == step && error?.message.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test("a missing dependency and a missing symbol say what to install or link")
    func hints() throws {
        let (dependency, symbol) = (try Zoo.missingDependency.build(), try Zoo.missingSymbol.build())
        #expect(#expect(throws: BerthError.self) { try load(dependency) }?.hint == "install the package that has libzoo-dependency.so")
        #expect(
            #expect(throws: BerthError.self) { try load(symbol) }?.hint?.hasPrefix("link the driver with the library that has ") == true)
    }

    @Test("a plugin that is not ready is not mapped")
    func notReady() throws {
        let module = try Zoo.wrongSignature.build()
        #expect(#expect(throws: BerthError.self) { try load(module) }?.field == "inspection")
    }

    @Test("a flat library offers what it exports; the rest is absent")
    func flat() throws {
        let directory = try TemporaryDirectory("flat")
        let module = try build(
            "#include <stdint.h>\nint32_t legacy_health(void *d, const void *c) { return 0; }\nint32_t ping(const char *h) { return 7; }",
            in: directory)
        let library = try load(
            module,
            plugin:
                "style = flat\nsymbol.health = legacy_health\ncall legacy.ping = i32 (cstring host)\ncall gone = i32 ()\nsymbol.legacy.ping = ping\ncapabilities = stop"
        )
        #expect(Set(library.calls.keys) == ["health", "legacy.ping"])
        #expect(library.capabilities == ["stop"] && library.schema == nil && library.identity.id == "p")
        let session = DriverSession(library, listener: .deaf)
        #expect(session.open([:], control()).status == .ok)
        #expect(session.call("health", [], control()).status == .ok)
        #expect(session.call("legacy.ping", [.string("x")], control()).value == .int(7))
        #expect(session.call("list", [], control()).message == "the library has no 'list'")
        #expect(session.call("nonsense", [], control()).message == "no section declares a call 'nonsense'")
    }

    @Test("a flat library with none of the declared calls is refused")
    func empty() throws {
        let directory = try TemporaryDirectory("flat")
        let module = try build("int x(void) { return 1; }", in: directory)
        let error = #expect(throws: BerthError.self) { try load(module, plugin: "style = flat") }
        #expect(error?.field == "symbols" && error?.message.contains("exports none of open, close, health") == true)
    }
}
