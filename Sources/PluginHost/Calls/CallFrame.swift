import Glibc

/// The memory of one call: a word for each lowered argument, the pointers to them that libffi wants, a zeroed slot for
/// each `out`, the result, and copies of texts and documents. Lives on the stack while it is small.
struct CallFrame {
    /// An `ffi_arg`-sized slot: libffi widens small results.
    let result: UnsafeMutableRawPointer
    let pointers: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private let words: UnsafeMutableRawPointer
    private let outs: UnsafeMutableRawPointer
    private var data: UnsafeMutableRawPointer

    init(_ base: UnsafeMutableRawPointer, slots: Int, parameters: Int) {
        result = base
        words = base + 16
        pointers = (words + slots * 8).bindMemory(to: UnsafeMutableRawPointer?.self, capacity: slots)
        outs = words + slots * 16
        data = outs + parameters * 8
        memset(base, 0, 16 + slots * 16 + parameters * 8)
        for slot in 0..<slots { pointers[slot] = words + slot * 8 }
    }

    mutating func fill(_ parameters: [ABICall.Parameter], _ arguments: [CallArgument], _ implicit: PreparedCall.Implicit) {
        var slot = words
        var next = 0
        for (index, parameter) in parameters.enumerated() {
            switch parameter.role {
            case .host: slot.storeBytes(of: implicit.host, as: UInt.self)
            case .call: slot.storeBytes(of: implicit.call, as: UInt.self)
            case .handle: slot.storeBytes(of: implicit.handle, as: UInt.self)
            case .newHandle: slot.storeBytes(of: UInt(bitPattern: outs + index * 8), as: UInt.self)
            case .argument where parameter.direction == .in:
                store(arguments[next], parameter.type.type, &slot)
                next += 1
            case .argument:
                slot.storeBytes(of: UInt(bitPattern: outs + index * 8), as: UInt.self)
                guard parameter.direction == .inout else { break }
                var out = outs + index * 8
                store(arguments[next], parameter.type.type, &out)
                next += 1
            }
            slot += 8
        }
    }

    /// Writes one value; `bytes` takes two words.
    private mutating func store(_ argument: CallArgument, _ type: ABIType, _ slot: inout UnsafeMutableRawPointer) {
        switch (type, argument) {
        case (.cstring, .string(let text)):
            slot.storeBytes(of: UInt(bitPattern: data), as: UInt.self)
            copy(text.utf8)
            data.storeBytes(of: 0, as: UInt8.self)
            data += 1
        case (.bytes, .string(let text)): document(text.utf8, &slot)
        case (.bytes, .bytes(let bytes)): document(bytes, &slot)
        case (.f32, _): slot.storeBytes(of: Float(argument.number), as: Float.self)
        case (.f64, _): slot.storeBytes(of: argument.number, as: Double.self)
        default:
            switch type {
            case .bool, .i8, .u8: slot.storeBytes(of: UInt8(truncatingIfNeeded: argument.word), as: UInt8.self)
            case .i16, .u16: slot.storeBytes(of: UInt16(truncatingIfNeeded: argument.word), as: UInt16.self)
            case .i32, .u32: slot.storeBytes(of: UInt32(truncatingIfNeeded: argument.word), as: UInt32.self)
            default: slot.storeBytes(of: argument.word, as: UInt64.self)
            }
        }
    }

    private mutating func document(_ bytes: some Collection<UInt8>, _ slot: inout UnsafeMutableRawPointer) {
        slot.storeBytes(of: UInt(bitPattern: data), as: UInt.self)
        slot += 8
        slot.storeBytes(of: bytes.count, as: Int.self)
        copy(bytes)
    }

    private mutating func copy(_ bytes: some Collection<UInt8>) {
        UnsafeMutableRawBufferPointer(start: data, count: bytes.count).copyBytes(from: bytes)
        data += bytes.count
    }

    /// Reads the handle and the other `out` values.
    func collect(_ parameters: [ABICall.Parameter], _ returned: inout PreparedCall.Returned) {
        for (index, parameter) in parameters.enumerated() where parameter.direction != .in {
            let out = outs + index * 8
            if parameter.role == .newHandle {
                returned.handle = out.load(as: UInt.self)
            } else {
                returned.outputs.append(CallFrame.read(parameter.type.type, out))
            }
        }
    }

    /// A value from its slot; a text is copied, and one that is not there is `void`.
    static func read(_ type: ABIType, _ slot: UnsafeMutableRawPointer) -> CallArgument {
        switch type {
        case .void: .void
        case .bool: .bool(slot.load(as: UInt8.self) != 0)
        case .i8: .int(Int64(slot.load(as: Int8.self)))
        case .i16: .int(Int64(slot.load(as: Int16.self)))
        case .i32: .int(Int64(slot.load(as: Int32.self)))
        case .i64, .isize: .int(slot.load(as: Int64.self))
        case .u8: .uint(UInt64(slot.load(as: UInt8.self)))
        case .u16: .uint(UInt64(slot.load(as: UInt16.self)))
        case .u32: .uint(UInt64(slot.load(as: UInt32.self)))
        case .u64, .usize, .ptr, .bytes: .uint(slot.load(as: UInt64.self))
        case .f32: .double(Double(slot.load(as: Float.self)))
        case .f64: .double(slot.load(as: Double.self))
        case .cstring: slot.load(as: UnsafePointer<CChar>?.self).map { .string(String(cString: $0)) } ?? .void
        }
    }
}

extension CallArgument {
    /// The bytes beside its word that the argument needs as a type; nil: it cannot be that type.
    func bytesNeeded(as type: ABIType) -> Int? {
        switch (type, self) {
        case (.bool, .bool), (.f32, .double), (.f64, .double), (.f32, .int), (.f64, .int): 0
        case (.i8, _): fits(Int8.self)
        case (.i16, _): fits(Int16.self)
        case (.i32, _): fits(Int32.self)
        case (.i64, _), (.isize, _): fits(Int64.self)
        case (.u8, _): fits(UInt8.self)
        case (.u16, _): fits(UInt16.self)
        case (.u32, _): fits(UInt32.self)
        case (.u64, _), (.usize, _): fits(UInt64.self)
        case (.cstring, .string(let text)): text.utf8.contains(0) ? nil : text.utf8.count + 1
        case (.bytes, .string(let text)): text.utf8.count
        case (.bytes, .bytes(let bytes)): bytes.count
        default: nil
        }
    }

    private func fits<Number: FixedWidthInteger>(_: Number.Type) -> Int? {
        switch self {
        case .int(let value): Number(exactly: value) == nil ? nil : 0
        case .uint(let value): Number(exactly: value) == nil ? nil : 0
        default: nil
        }
    }

    fileprivate var word: UInt64 {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .int(let value): UInt64(bitPattern: value)
        case .uint(let value): value
        default: 0
        }
    }

    fileprivate var number: Double {
        switch self {
        case .double(let value): value
        case .int(let value): Double(value)
        default: 0
        }
    }
}
