/// A tar archive in memory (POSIX ustar): enough for a few small files.
struct TarArchive {
    private(set) var bytes: [UInt8] = []
    /// Seconds since 1970, for every entry.
    let time: Int64

    init(time: Int64) {
        self.time = time
    }

    /// Adds a file, mode 0600. A name of more than 100 bytes keeps its end.
    mutating func add(_ name: String, _ content: [UInt8]) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ at: Int) {
            for (index, byte) in text.utf8.enumerated() { header[at + index] = byte }
        }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(String(decoding: Array(name.utf8).suffix(100), as: UTF8.self), 0)
        put(octal(0o600, 7), 100)
        put(octal(0, 7), 108)
        put(octal(0, 7), 116)
        put(octal(content.count, 11), 124)
        put(octal(Int(time), 11), 136)
        put("        ", 148)
        put("0", 156)
        put("ustar", 257)
        put("00", 263)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\0 ", 148)
        bytes += header
        bytes += content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    /// The archive with its end.
    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}
