extension JSON {
    /// The value on one line, without spaces.
    public var text: String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// The value on one line as UTF-8.
    public var bytes: [UInt8] {
        var out: [UInt8] = []
        write(to: &out)
        return out
    }

    /// The value on several lines, indented by two spaces, for people.
    public var pretty: String {
        var out: [UInt8] = []
        write(to: &out, indent: 0)
        return String(decoding: out, as: UTF8.self)
    }

    public func write(to out: inout [UInt8]) {
        write(to: &out, indent: nil)
    }

    private func write(to out: inout [UInt8], indent: Int?) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
        case .int(let value): JSON.write(value, to: &out)
        case .double(let value): JSON.write(value, to: &out)
        case .string(let value): JSON.write(value, to: &out)
        case .array(let values):
            JSON.write(values, open: "[", close: "]", indent: indent, to: &out) { value, indent, out in
                value.write(to: &out, indent: indent)
            }
        case .object(let object):
            JSON.write(object.fields, open: "{", close: "}", indent: indent, to: &out) { field, indent, out in
                JSON.write(field.name, to: &out)
                out.append(UInt8(ascii: ":"))
                if indent != nil { out.append(UInt8(ascii: " ")) }
                field.value.write(to: &out, indent: indent)
            }
        }
    }

    private static func write<Element>(
        _ elements: [Element], open: Unicode.Scalar, close: Unicode.Scalar, indent: Int?, to out: inout [UInt8],
        each: (Element, Int?, inout [UInt8]) -> Void
    ) {
        out.append(UInt8(ascii: open))
        for (index, element) in elements.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            newline(indent.map { $0 + 2 }, to: &out)
            each(element, indent.map { $0 + 2 }, &out)
        }
        if !elements.isEmpty { newline(indent, to: &out) }
        out.append(UInt8(ascii: close))
    }

    private static func newline(_ indent: Int?, to out: inout [UInt8]) {
        guard let indent else { return }
        out.append(UInt8(ascii: "\n"))
        out.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
    }

    /// Writes an integer in decimal.
    public static func write(_ value: Int64, to out: inout [UInt8]) {
        if value < 0 { out.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let start = out.count
        repeat {
            out.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        out[start...].reverse()
    }

    /// Writes a number; what JSON has no word for (NaN, infinities) becomes null.
    public static func write(_ value: Double, to out: inout [UInt8]) {
        guard value.isFinite else { return out.append(contentsOf: "null".utf8) }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 {
            write(whole, to: &out)
        } else {
            out.append(contentsOf: value.description.utf8)
        }
    }

    /// Writes a quoted string with what must be escaped escaped.
    public static func write(_ value: String, to out: inout [UInt8]) {
        var value = value
        out.append(UInt8(ascii: "\""))
        value.withUTF8 { bytes in
            var plain = 0
            for (index, byte) in bytes.enumerated() where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                out.append(contentsOf: bytes[plain..<index])
                escape(byte, to: &out)
                plain = index + 1
            }
            out.append(contentsOf: bytes[plain...])
        }
        out.append(UInt8(ascii: "\""))
    }

    private static func escape(_ byte: UInt8, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): out.append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): out.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): out.append(UInt8(ascii: "t"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(byte)
        default:
            let digits = Array("0123456789abcdef".utf8)
            out.append(contentsOf: "u00".utf8)
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
    }
}
