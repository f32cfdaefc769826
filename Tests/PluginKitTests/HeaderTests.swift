import PluginABI
import TestSupport
import Testing

@Suite("driver.h")
struct HeaderTests {
    static let layout = "\(Repository.root)/Tests/ABI/layout.c"
    static let strict = [
        "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", "\(Repository.root)/Sources/PluginABI/include", "-fsyntax-only",
    ]

    @Test("compiles without a warning and has its layout", arguments: ["gcc", "clang"], [["-std=c11"], ["-x", "c++", "-std=c++17"]])
    func compiles(compiler: String, language: [String]) throws {
        guard CCompiler.exists(compiler) else {
            print("SKIPPED: there is no \(compiler) on this machine: the header was not tried with it")
            return
        }
        try CCompiler.run(language + Self.strict + [Self.layout], compiler: compiler)
    }

    @Test("an id that does not fit into the note does not compile", arguments: [["-std=c11"], ["-x", "c++", "-std=c++17"]])
    func longID(language: [String]) throws {
        #expect(throws: CCompiler.Failure.self) {
            try CCompiler.run(language + Self.strict + ["-DLONG_ID", Self.layout])
        }
    }

    @Test("Swift sees the same layout as C")
    func layoutInSwift() {
        #expect(MemoryLayout<berth_call_t>.size == 64)
        #expect(MemoryLayout<berth_call_t>.offset(of: \.deadline_ms) == 16)
        #expect(MemoryLayout<berth_call_t>.offset(of: \.fail) == 56)
        #expect(MemoryLayout<berth_event_t>.size == 40)
        #expect(MemoryLayout<berth_event_t>.offset(of: \.data_size) == 32)
        #expect(MemoryLayout<berth_host_t>.size == 48)
        #expect(MemoryLayout<berth_host_t>.offset(of: \.log) == 40)
        #expect(MemoryLayout<berth_ops_t>.size == 80)
        #expect(MemoryLayout<berth_ops_t>.offset(of: \.action) == 72)
        #expect(MemoryLayout<berth_plugin_t>.size == 80)
        #expect(MemoryLayout<berth_plugin_t>.offset(of: \.ops) == 72)
        #expect(MemoryLayout<berth_note_t>.size == 168)
        #expect(MemoryLayout<berth_note_t>.offset(of: \.id) == 72)
    }
}
