import Glibc
import JSON

/// Messages of the compiler: eight bytes of length and a JSON object.
enum Wire {
    /// The next message; nil when the compiler is done with us.
    static func read() -> JSON? {
        guard let head = bytes(8) else { return nil }
        let count = head.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        guard count < 256 << 20, let body = bytes(Int(count)) else { return nil }
        return try? JSON(parsing: body)
    }

    static func write(_ message: JSON) {
        let body = message.bytes
        let head = (0..<8).map { UInt8(truncatingIfNeeded: body.count >> ($0 * 8)) }
        let all = head + body
        var sent = 0
        while sent < all.count {
            let count = all[sent...].withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            sent += count
        }
    }

    private static func bytes(_ wanted: Int) -> [UInt8]? {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: max(1, wanted))
        while all.count < wanted {
            let count = Glibc.read(0, &piece, wanted - all.count)
            guard count > 0 else { return nil }
            all += piece[..<count]
        }
        return all
    }
}
