/// The types of the signature grammar. Each has one size on every machine or is a pointer's.
public enum ABIType: String, Sendable, CaseIterable {
    case void, bool
    case i8, i16, i32, i64
    case u8, u16, u32, u64
    case isize, usize
    case f32, f64
    case ptr, cstring, bytes

    /// What C calls it, without a name behind it.
    var cName: String {
        switch self {
        case .void: "void"
        case .bool: "bool"
        case .i8: "int8_t"
        case .i16: "int16_t"
        case .i32: "int32_t"
        case .i64: "int64_t"
        case .u8: "uint8_t"
        case .u16: "uint16_t"
        case .u32: "uint32_t"
        case .u64: "uint64_t"
        case .isize: "ptrdiff_t"
        case .usize: "size_t"
        case .f32: "float"
        case .f64: "double"
        case .ptr: "void *"
        case .cstring: "const char *"
        case .bytes: "const void *"
        }
    }
}

/// A type as a signature writes it: one of the built-in ones, or an alias of one.
public struct ABITypeName: Sendable, Hashable, CustomStringConvertible {
    /// As written: `status`.
    public var name: String
    /// What it stands for: `i32`.
    public var type: ABIType

    public var description: String { name }
    var isAlias: Bool { name != type.rawValue }
}
