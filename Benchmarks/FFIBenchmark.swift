import Glibc
import JSON
import Model
import Platform
import PluginHost
import RawBench

/// `berth-bench ffi`: what a call through libffi costs over the same function called directly, in one process.
enum FFIBenchmark {
    static func run(quick: Bool) throws -> JSON {
        let library = try ProbeLibrary([("p", "")])
        let loaded = try library.load()
        guard let image = dlopen(library.path, RTLD_NOW), let symbol = dlsym(image, "probe"), let prepared = loaded.calls["probe"] else {
            throw BerthError(.broken, "the probe does not load")
        }
        let function = unsafeBitCast(symbol, to: raw_function_t.self)
        let session = DriverSession(loaded, listener: DriverListener(event: { _ in true }, log: { _, _ in }))
        let count = quick ? 10_000 : 100_000
        var direct: [Int64] = []
        var bare: [Int64] = []
        var checked: [Int64] = []
        var whole: [Int64] = []
        let control = CallControl(id: 1, deadline: .max)
        let id: [CallArgument] = [.string("machine-0001")]
        // Turn by turn, so that what disturbs the machine disturbs all of them.
        for _ in 0..<(quick ? 5 : 25) {
            direct.append(raw_direct(function, nil, "call", "machine-0001", Int32(count)) * 1000 / Int64(count))
            bare.append(each(count) { measureBare(prepared, $0) })
            checked.append(each(count) { for _ in 0..<$0 { precondition(prepared.measure(id) >= 0) } })
            whole.append(each(count) { for _ in 0..<$0 { precondition(session.call("probe", id, control).status == .ok) } })
        }
        let base = Samples(direct)
        func row(_ values: [Int64]) -> JSON {
            let samples = Samples(values)
            return [
                "ns": nanoseconds(samples.least), "median_ns": nanoseconds(samples.median),
                "over_direct_ns": nanoseconds(samples.least - base.least),
                "median_over_direct_ns": nanoseconds(samples.median - base.median),
            ]
        }
        return [
            "calls": JSON(count), "direct": row(direct), "bare_ffi_call": row(bare), "timed_and_checked": row(checked),
            "session": row(whole),
        ]
    }

    /// Picoseconds of one call.
    private static func each(_ count: Int, _ body: (Int) -> Void) -> Int64 {
        let start = Clock.nanoseconds
        body(count)
        return (Clock.nanoseconds - start) * 1000 / Int64(count)
    }

    private static func nanoseconds(_ picoseconds: Int64) -> JSON { .double(Double(picoseconds / 100) / 10) }

    /// The arguments lowered once, and then nothing but `ffi_call`.
    private static func measureBare(_ prepared: PreparedCall, _ count: Int) {
        var handle: UnsafeRawPointer?
        let id = strdup("machine-0001")
        defer { free(id) }
        var call: UnsafeMutableRawPointer? = UnsafeMutableRawPointer(id)
        var text: UnsafeMutableRawPointer? = UnsafeMutableRawPointer(id)
        var result: UInt64 = 0
        withUnsafeMutableBytes(of: &handle) { handle in
            withUnsafeMutableBytes(of: &call) { call in
                withUnsafeMutableBytes(of: &text) { text in
                    var pointers = [handle.baseAddress, call.baseAddress, text.baseAddress]
                    for _ in 0..<count { prepared.bare(&pointers, result: &result) }
                }
            }
        }
    }
}
