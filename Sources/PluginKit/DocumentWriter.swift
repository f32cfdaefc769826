import Glibc
public import JSON

/// JSON written straight into bytes: no tree, no `Codable`, no allocation but the buffer's own.
///
/// Commas come by themselves; every `begin` has its `end`. Text that is no UTF-8 is repaired (U+FFFD), because providers'
/// names are anybody's.
public struct DocumentWriter: ~Copyable {
    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0
    /// Whether the next value or field needs a comma before it.
    private var needsComma = false

    public init(capacity: Int = 1024) {
        self.capacity = max(64, capacity)
        bytes = .allocate(capacity: self.capacity)
    }

    deinit {
        bytes.deallocate()
    }

    /// What has been written so far.
    public func withBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    /// Forgets what was written and keeps the memory.
    mutating func removeAll() {
        count = 0
        needsComma = false
    }

    // MARK: Objects and arrays

    public mutating func beginObject() { open(0x7B) }
    public mutating func endObject() { close(0x7D) }
    public mutating func beginArray() { open(0x5B) }
    public mutating func endArray() { close(0x5D) }

    public mutating func array<Element>(_ elements: [Element], each: (Element, inout DocumentWriter) -> Void) {
        beginArray()
        for element in elements { each(element, &self) }
        endArray()
    }

    /// Ends a line of JSON Lines.
    mutating func endLine() {
        append(0x0A)
        needsComma = false
    }

    private mutating func open(_ byte: UInt8) {
        comma()
        append(byte)
        needsComma = false
    }

    private mutating func close(_ byte: UInt8) {
        append(byte)
        needsComma = true
    }

    // MARK: Fields

    /// A field's name; its value must follow. The name is plain ASCII without quotes.
    public mutating func field(_ name: StaticString) {
        comma()
        reserve(name.utf8CodeUnitCount + 3)
        append(0x22)
        append(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        append(0x22)
        append(0x3A)
        needsComma = false
    }

    public mutating func field(_ name: StaticString, _ value: String) {
        field(name)
        self.value(value)
    }

    /// The text is read up to its NUL; no `String` is made of it.
    public mutating func field(_ name: StaticString, cString: UnsafePointer<CChar>) {
        field(name)
        value(cString: cString)
    }

    /// A value known when the driver is built: plain ASCII without quotes.
    mutating func field(_ name: StaticString, text: StaticString) {
        field(name)
        append(0x22)
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        close(0x22)
    }

    public mutating func field(_ name: StaticString, _ value: Int) {
        field(name)
        self.value(value)
    }

    public mutating func field(_ name: StaticString, _ value: Double) {
        field(name)
        self.value(value)
    }

    public mutating func field(_ name: StaticString, _ value: Bool) {
        field(name)
        self.value(value)
    }

    public mutating func field(_ name: StaticString, _ values: [String]) {
        field(name)
        array(values) { value, writer in writer.value(value) }
    }

    /// A field whose name is only known at run time.
    public mutating func field(named name: String, _ value: String) {
        self.value(name)
        append(0x3A)
        needsComma = false
        self.value(value)
    }

    // MARK: Values

    public mutating func value(_ value: String) {
        comma()
        var value = value
        value.withUTF8 { text(UnsafeRawBufferPointer($0), isValid: true) }
        needsComma = true
    }

    public mutating func value(cString: UnsafePointer<CChar>) {
        comma()
        text(UnsafeRawBufferPointer(start: cString, count: strlen(cString)), isValid: false)
        needsComma = true
    }

    public mutating func value(_ value: Int) {
        comma()
        integer(value)
        needsComma = true
    }

    /// A number with up to three decimals; what JSON has no word for (NaN, infinities) becomes null.
    public mutating func value(_ value: Double) {
        comma()
        let thousandths = (value * 1000).rounded()
        if let whole = Int(exactly: thousandths), whole.magnitude < 1 << 53 {
            if whole < 0 { append(0x2D) }
            let magnitude = Int(whole.magnitude)
            integer(magnitude / 1000)
            fraction(magnitude % 1000)
        } else {
            raw(value.isFinite ? "\(value)" : "null")
        }
        needsComma = true
    }

    public mutating func value(_ value: Bool) {
        comma()
        raw(value ? "true" : "false")
        needsComma = true
    }

    public mutating func value(_ json: JSON) {
        comma()
        json.bytes.withUnsafeBytes { append($0) }
        needsComma = true
    }

    // MARK: Bytes

    private mutating func comma() {
        if needsComma { append(0x2C) }
    }

    private mutating func raw(_ string: String) {
        var string = string
        string.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    private mutating func integer(_ value: Int) {
        reserve(20)
        if value < 0 {
            bytes[count] = 0x2D
            count += 1
        }
        var rest = value.magnitude
        var digits = 1
        var limit: UInt = 10
        while rest >= limit {
            digits += 1
            let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
            if overflow { break }
            limit = next
        }
        var at = count + digits
        count = at
        repeat {
            at -= 1
            bytes[at] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }

    /// Thousandths without the zeros at their end.
    private mutating func fraction(_ thousandths: Int) {
        guard thousandths > 0 else { return }
        append(0x2E)
        var rest = thousandths
        var unit = 100
        while rest > 0 {
            append(0x30 + UInt8(truncatingIfNeeded: rest / unit))
            rest %= unit
            unit /= 10
        }
    }

    private mutating func text(_ text: UnsafeRawBufferPointer, isValid: Bool) {
        reserve(text.count + 2)
        append(0x22)
        var plain = 0
        for index in 0..<text.count {
            let byte = text[index]
            if byte >= 0x80, !isValid {
                let rest = Array(String(decoding: text[plain...], as: UTF8.self).utf8)
                rest.withUnsafeBytes { escaped($0) }
                append(0x22)
                return
            }
            guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { continue }
            append(UnsafeRawBufferPointer(rebasing: text[plain..<index]))
            escape(byte)
            plain = index + 1
        }
        append(UnsafeRawBufferPointer(rebasing: text[plain...]))
        append(0x22)
    }

    private mutating func escaped(_ text: UnsafeRawBufferPointer) {
        for byte in text {
            if byte < 0x20 || byte == 0x22 || byte == 0x5C { escape(byte) } else { append(byte) }
        }
    }

    private mutating func escape(_ byte: UInt8) {
        append(0x5C)
        switch byte {
        case 0x22, 0x5C: append(byte)
        case 0x0A: append(0x6E)
        case 0x0D: append(0x72)
        case 0x09: append(0x74)
        default:
            raw("u00")
            append(0x30 + (byte >> 4))
            append((byte & 15) + (byte & 15 < 10 ? 0x30 : 0x57))
        }
    }

    private mutating func append(_ byte: UInt8) {
        reserve(1)
        bytes[count] = byte
        count += 1
    }

    private mutating func append(_ more: UnsafeRawBufferPointer) {
        guard let start = more.baseAddress, more.count > 0 else { return }
        reserve(more.count)
        UnsafeMutableRawPointer(bytes + count).copyMemory(from: start, byteCount: more.count)
        count += more.count
    }

    private mutating func reserve(_ more: Int) {
        if count + more > capacity { grow(more) }
    }

    private mutating func grow(_ more: Int) {
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        moved.initialize(from: bytes, count: count)
        bytes.deallocate()
        bytes = moved
        capacity = larger
    }
}
