/// Walks a header line word by word.
struct HeaderReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var at = 0

    init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { at == bytes.count }

    /// What verbs, statuses and option names are made of.
    static func isName(_ byte: UInt8) -> Bool {
        (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")) || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
            || byte == UInt8(ascii: "-")
    }

    /// Checks length, alphabet and version.
    mutating func start() throws(HeaderError) {
        guard bytes.count <= Limits.header else { throw .tooLong }
        for index in bytes.indices where bytes[index] < 0x20 || bytes[index] > 0x7E { throw .notASCII(at: index) }
        let magic: StaticString = "BERTH/1"
        guard bytes.count >= magic.utf8CodeUnitCount else { throw .version }
        for index in 0..<magic.utf8CodeUnitCount where bytes[index] != magic.utf8Start[index] { throw .version }
        at = magic.utf8CodeUnitCount
        guard isAtEnd || bytes[at] == UInt8(ascii: " ") else { throw .version }
    }

    /// The next word after one space.
    mutating func word(_ part: HeaderError.Part, limit: Int) throws(HeaderError) -> HeaderScan.Slice {
        guard !isAtEnd else { throw .missing(part) }
        let slice = try next()
        guard Int(slice.end - slice.start) <= limit else { throw .tooLongPart(part, limit: limit) }
        return slice
    }

    /// The next `NAME=VALUE` after one space.
    mutating func option() throws(HeaderError) -> (name: HeaderScan.Slice, value: HeaderScan.Slice) {
        let word = try next()
        for index in Int(word.start)..<Int(word.end) where bytes[index] == UInt8(ascii: "=") {
            guard index > Int(word.start) else { break }
            return (
                HeaderScan.Slice(start: word.start, end: UInt16(index)), HeaderScan.Slice(start: UInt16(index + 1), end: word.end)
            )
        }
        throw .option(at: Int(word.start))
    }

    private mutating func next() throws(HeaderError) -> HeaderScan.Slice {
        at += 1  // the space that ended the word before
        let start = at
        while at < bytes.count, bytes[at] != UInt8(ascii: " ") { at += 1 }
        guard at > start else { throw .space(at: start) }
        return HeaderScan.Slice(start: UInt16(start), end: UInt16(at))
    }
}
