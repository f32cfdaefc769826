import Foundation
import JSON
import PluginABI
import TestSupport
import Testing

@testable import PluginHost

@Suite("the ABI: file, header and note say the same")
struct ABIDriftTests {
    static func repositoryText(_ path: String) throws -> String {
        try String(contentsOf: URL(filePath: Repository.root).appending(path: path), encoding: .utf8)
    }

    @Test("the section in plugins.conf is the built-in one")
    func section() throws {
        let text = try Self.repositoryText("plugins.conf")
        #expect(text.contains("[abi compute/1]"))
        _ = try Configuration.load("\(Repository.root)/plugins.conf", state: "/tmp")
        #expect(
            ABIDescription.compute.calls.map(\.name) == [
                "open", "close", "health", "capacity", "catalog", "list", "inspect", "create", "action",
            ])
    }

    @Test("the hash that drivers carry is that of the canonical text")
    func hash() throws {
        #expect(ABIDescription.compute.hash == BERTH_ABI_HASH)
        #expect(ABIDescription.compute.hash(minor: 0) == BERTH_ABI_HASH)
        #expect(ABIDescription.compute.hash(minor: 1) == nil)
        let again = try read(ABIDescription.compute.canonicalText)
        #expect(again.abis == [.compute], "the canonical text reads as itself")
    }

    @Test("the printed prototypes are the members of berth_ops_t, in their order")
    func members() throws {
        let header = try Self.repositoryText("Sources/PluginABI/include/berth/driver.h")
        let table = try #require(header.split(separator: "typedef struct berth_ops {").last?.split(separator: "} berth_ops_t;").first)
        let code = table.replacing(/\/\*(.|\n)*?\*\//, with: "").split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let members = code.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        #expect(members == ["uint32_t size"] + ABIDescription.compute.calls.map(\.pointerDeclaration))
    }

    @Test("a C compiler agrees with each printed type", arguments: ["cc", "clang"])
    func generic(compiler: String) throws {
        guard CCompiler.exists(compiler) else { return print("SKIPPED: no \(compiler) on this machine") }
        let directory = try TemporaryDirectory("abi")
        let asserts = ABIDescription.compute.calls.map { call in
            "_Static_assert(_Generic(((berth_ops_t *)0)->\(call.name), \(call.pointerType): 1, default: 0), \"\(call.name)\");"
        }
        let source = try directory.write("drift.c", "#include <berth/driver.h>\n" + asserts.joined(separator: "\n") + "\n")
        try CCompiler.run(
            ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", "\(Repository.root)/Sources/PluginABI/include", source],
            compiler: compiler)
    }

    @Test("the printed header of another ABI compiles")
    func printed() throws {
        let abi = try #require(
            try read(
                """
                [abi greeter/1]
                type status = i32
                type handle = ptr
                call start = status (ptr host, out handle greeter)
                call greet = status (handle greeter, ptr call, cstring name, out i64 count, bytes, out cstring words)
                call sum = f64 (f32 a, inout u8 b, bool c, u16)
                call nothing = void ()
                """
            ).abi("greeter/1"))
        let directory = try TemporaryDirectory("abi")
        let source = try directory.write("greeter.c", abi.header + "greeter_ops_t table = {sizeof table, 0, 0, 0, 0};\n")
        try CCompiler.run([
            "-std=c11", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror", "-fsyntax-only", "-I",
            "\(Repository.root)/Sources/PluginABI/include", source,
        ])
        #expect(abi.header.contains("berth_status_t (*start)(const berth_host_t *host, berth_greeter_t **greeter);"))
        #expect(abi.header.contains("double (*sum)(float a, uint8_t *b, bool c, uint16_t);"))
        #expect(abi.header.contains("void (*nothing)(void);"))
    }
}
