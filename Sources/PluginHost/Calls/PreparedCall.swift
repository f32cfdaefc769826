import CFFI
import Model
import Platform

/// A function and its signature, prepared once for `ffi_call` and unchanged since. Table and flat drivers, and extra
/// declared calls, all go through here: one path that checks, times and makes the call.
public final class PreparedCall: Sendable {
    public let call: ABICall
    /// Whether the result is a `status`, and so a class of outcome and not a value.
    public let returnsStatus: Bool
    private let function: UInt
    private nonisolated(unsafe) let interface: UnsafeMutablePointer<ffi_cif>
    /// Machine words that the arguments lower to.
    private let slots: Int

    /// Where the host's own arguments point while a call is made. Zero: nowhere.
    struct Implicit {
        var host: UInt = 0
        var call: UInt = 0
        var handle: UInt = 0
    }

    /// What a call left behind.
    struct Returned {
        /// Of a call that returns a status.
        var status = Int32(0)
        var value = CallArgument.void
        /// Of `out handle`.
        var handle: UInt = 0
        var outputs: [CallArgument] = []
        var nanoseconds: Int64 = 0
    }

    /// Prepares a function (`ffi_prep_cif`). What it allocates is never freed, as libraries are never unloaded.
    init(_ call: ABICall, function: UnsafeMutableRawPointer) throws(BerthError) {
        self.call = call
        self.function = UInt(bitPattern: function)
        returnsStatus = call.result.name == "status" && call.result.type == .i32
        let types = call.parameters.flatMap(\.lowered)
        slots = types.count
        let list = UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>.allocate(capacity: max(1, types.count))
        for (index, type) in types.enumerated() { list[index] = cffi_type(type) }
        interface = .allocate(capacity: 1)
        guard ffi_prep_cif(interface, FFI_DEFAULT_ABI, UInt32(types.count), cffi_type(call.result.type.lowered), list) == FFI_OK else {
            throw BerthError(.unsupported, "libffi cannot prepare \(call.name) = \(call.signature)")
        }
    }

    /// Checks the arguments, lowers them, makes the call and reads back what it left. `arguments` are those that the host
    /// does not fill in itself.
    func invoke(_ arguments: [CallArgument], _ implicit: Implicit) throws(BerthError) -> Returned {
        let size = try check(arguments)
        return withUnsafeTemporaryAllocation(byteCount: (2 * slots + call.parameters.count + 2) * 8 + size, alignment: 8) { memory in
            // Never nil: the frame is never empty.
            guard let base = memory.baseAddress else { return Returned() }
            var frame = CallFrame(base, slots: slots, parameters: call.parameters.count)
            frame.fill(call.parameters, arguments, implicit)
            let start = Clock.nanoseconds
            cffi_call(interface, UnsafeMutableRawPointer(bitPattern: function), frame.result, frame.pointers)
            var returned = Returned(nanoseconds: Clock.nanoseconds - start)
            if returnsStatus {
                returned.status = frame.result.load(as: Int32.self)
            } else {
                returned.value = CallFrame.read(call.result.type, frame.result)
            }
            frame.collect(call.parameters, &returned)
            return returned
        }
    }

    /// `ffi_call` with arguments that are lowered already: for measuring what it costs by itself.
    public func bare(_ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>, result: UnsafeMutableRawPointer) {
        cffi_call(interface, UnsafeMutableRawPointer(bitPattern: function), result, arguments)
    }

    /// One call through the timed and checked path without a handle, and how long it took in nanoseconds; -1: the arguments do
    /// not fit. For measuring: drivers are called through `DriverSession`.
    public func measure(_ arguments: [CallArgument]) -> Int64 {
        do { return try invoke(arguments, Implicit()).nanoseconds } catch { return -1 }
    }

    /// The bytes that texts and documents need, or what is wrong with the arguments.
    private func check(_ arguments: [CallArgument]) throws(BerthError) -> Int {
        var size = 0
        var index = 0
        for parameter in call.parameters where parameter.isGiven {
            guard index < arguments.count else { throw wrongCount(arguments.count) }
            guard let needed = arguments[index].bytesNeeded(as: parameter.type.type) else {
                let name = parameter.name ?? "argument \(index + 1)"
                throw BerthError(.invalid, "\(call.name): \(name) is not \(parameter.type.type.rawValue)", field: parameter.name)
            }
            size += needed
            index += 1
        }
        guard index == arguments.count else { throw wrongCount(arguments.count) }
        return size
    }

    private func wrongCount(_ count: Int) -> BerthError {
        let wanted = call.parameters.count { $0.isGiven }
        return BerthError(.invalid, "\(call.name) takes \(wanted) argument\(wanted == 1 ? "" : "s"), not \(count)", hint: call.signature)
    }
}

extension ABICall.Parameter {
    enum Role {
        case host, call, handle, newHandle
        case argument
    }

    /// Who fills the parameter in.
    var role: Role {
        guard type.type == .ptr else { return .argument }
        if type.name == "handle" { return direction == .in ? .handle : .newHandle }
        return name == "host" ? .host : .call
    }

    /// Whether the caller gives a value for it.
    public var isGiven: Bool { role == .argument && direction != .out }

    /// The types of libffi that it becomes.
    fileprivate var lowered: [Int32] {
        if direction != .in { return [Int32(cffi_pointer)] }
        return type.type == .bytes ? [Int32(cffi_pointer), ABIType.usize.lowered] : [type.type.lowered]
    }
}

extension ABIType {
    fileprivate var lowered: Int32 {
        let kind =
            switch self {
            case .void: cffi_void
            case .bool, .u8: cffi_u8
            case .i8: cffi_i8
            case .i16: cffi_i16
            case .u16: cffi_u16
            case .i32: cffi_i32
            case .u32: cffi_u32
            case .i64, .isize: cffi_i64
            case .u64, .usize: cffi_u64
            case .f32: cffi_f32
            case .f64: cffi_f64
            case .ptr, .cstring, .bytes: cffi_pointer
            }
        return Int32(kind)
    }
}
