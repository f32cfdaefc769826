extension JSON {
    /// Whether the bytes are certainly an object that a parse would accept: at most eight fields, and in them short words alone —
    /// strings of printable ASCII without escapes, whole numbers, `true`, `false`, `null`. Looks without making anything of it, for
    /// those who pass an object on unread. False says nothing: parse it.
    public static func isFlatObject(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var scan = FlatScan(bytes: bytes)
        return scan.object()
    }
}

private struct FlatScan {
    let bytes: UnsafeRawBufferPointer
    var at = 0

    private mutating func take(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    /// The length of the string that starts here, quotes included; 0: it is none of the simple ones.
    private mutating func string() -> Int {
        let start = at
        guard take(0x22) else { return 0 }
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == 0x22 { return at - start }
            guard byte >= 0x20, byte < 0x7F, byte != 0x5C else { return 0 }
        }
        return 0
    }

    private mutating func word(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - at >= count else { return false }
        for index in 0..<count where bytes[at + index] != word.utf8Start[index] { return false }
        at += count
        return true
    }

    private mutating func number() -> Bool {
        _ = take(0x2D)
        let start = at
        while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 { at += 1 }
        let digits = at - start
        return digits > 0 && digits < 16 && (digits == 1 || bytes[start] != 0x30)
    }

    private mutating func value() -> Bool {
        guard at < bytes.count else { return false }
        switch bytes[at] {
        case 0x22: return string() > 0
        case 0x74: return word("true")
        case 0x66: return word("false")
        case 0x6E: return word("null")
        default: return number()
        }
    }

    mutating func object() -> Bool {
        guard take(0x7B) else { return false }
        if take(0x7D) { return at == bytes.count }
        return withUnsafeTemporaryAllocation(of: (start: Int, count: Int).self, capacity: 8) { names in
            for index in 0..<8 {
                let start = at
                let count = string()
                guard count > 0, take(0x3A), value() else { return false }
                for other in names[..<index] where other.count == count && isSame(other.start, start, count) { return false }
                names.initializeElement(at: index, to: (start, count))
                if take(0x7D) { return at == bytes.count }
                guard take(0x2C) else { return false }
            }
            return false
        }
    }

    private func isSame(_ left: Int, _ right: Int, _ count: Int) -> Bool {
        for index in 0..<count where bytes[left + index] != bytes[right + index] { return false }
        return true
    }
}
